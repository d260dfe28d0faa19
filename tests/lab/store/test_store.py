"""A record comes back as it was written, forks leave their parent alone, and lists follow."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any

import pytest
import safetensors

from playground.lab.paths import store_file
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.store.errors import StoreError
from playground.lab.store.housekeeping import purge
from playground.lab.store.keyframes import frame_bytes, keyframe_of
from playground.lab.store.locks import RunLock, is_open
from playground.lab.store.records import Edit, RunRecord, StoredKeyframe
from playground.lab.store.store import Store
from playground.lab.timeline import Keyframe
from tests.lab.store.conftest import everything, film_row, loss_of, new_run, samples, state, steps


def whole(store: Store, run: int) -> tuple[object, ...]:
    """Record, keyframes, samples, probes and film of a run, for comparison."""
    return (
        store.record(run),
        list(store.keyframes(run)),
        store.samples(run),
        store.probes(run),
        store.film(run),
    )


def test_what_was_recorded_is_there_after_the_store_was_closed_and_opened(path: Path) -> None:
    with Store.open(path) as store:
        run = store.create(new_run("first", seed=9), "process 1 on here")
        store.append(run, everything(0, 100))
        store.append(run, everything(100, 60))
    with Store.open(path, create=False) as store:
        record = store.record(run)
        assert list(record.losses) == [loss_of(step) for step in range(1, 161)]
        assert record.learning_rates[9] == 0.01 / 10
        assert (record.tokens_seen, record.seconds) == (7 * 160, 0.16)
        assert record.evaluations == ((50, 2.5), (100, 2.25), (130, 2.5), (160, 2.25))
        assert list(record.measured["weight norm"][:4]) == [50, 1.5, 100, 1.75]
        assert record.edits[1:3] == (Edit(100, "engine", "scalar"), Edit(130, "learning_rate", 0.5))
        assert record.keyframes == (50, 130, 160), "the earlier tip gave way to the new one"
        assert [one.step for one in store.keyframes(run)] == [50, 130, 160]
        assert store.keyframe(run, 130) == state(130) and store.keyframe(run, 131) is None
        assert [one.batch.texts[0].text for one in store.samples(run, 100)] == [
            "bob", "anna", "bob"
        ]  # fmt: skip
        assert [one.answers for one in store.probes(run)][:2] == [
            (("a", "ab"), ("b",)),
            (("ac",), ()),
        ]
        assert store.probes(run)[1].questions == "which"
        assert store.film(run) == [film_row(50), film_row(100)]
        row = record.row
        assert (row.name, row.seed, row.step, row.at, row.heldout) == ("first", 9, 160, 160, 2.25)
        assert (row.status, row.owner, row.loss) == ("running", "process 1 on here", loss_of(160))
        given = new_run("first", seed=9)
        assert (record.spec, record.plugins, record.settings) == (
            given.spec, given.plugins, given.settings
        )  # fmt: skip


def test_the_curve_is_the_losses_and_learning_rates_alone(store: Store) -> None:
    run = store.create(dataclasses.replace(new_run(), first=40, earliest=40), "")
    for first in range(40, 100, 20):
        store.append(run, steps(first, 20))
    first, losses, rates = store.curve(run)
    assert first == 40 and list(losses) == [loss_of(step) for step in range(41, 101)]
    assert rates[-1] == 0.01 / 100


def test_losses_are_kept_to_the_bit_whatever_they_are(store: Store) -> None:
    run = store.create(new_run(), "")
    odd = array("d", [0.1 + 0.2, float("inf"), -0.0, 5e-324, sys.float_info.max, float("nan")])
    store.append(run, steps(0, 6, losses=odd, loss=float("nan")))
    assert store.curve(run)[1].tobytes() == odd.tobytes()
    assert store.row(run).loss is None, "what is no number cannot be sorted by"


def test_a_batch_that_leaves_a_gap_or_writes_over_the_record_is_refused_whole(store: Store) -> None:
    run = store.create(new_run(), "")
    store.append(run, everything(0, 20))
    before = whole(store, run)
    for first in (0, 19, 21):
        with pytest.raises(ValueError, match="ends at step 20"):
            store.append(run, everything(first, 5))
    with pytest.raises(ValueError, match="3 losses, but 2"):
        store.append(run, steps(20, 3, learning_rates=array("d", [1, 2])))
    with pytest.raises(ValueError, match="even"):
        store.append(run, steps(20, 3, measured={"odd": array("d", [1])}))
    assert whole(store, run) == before


def test_standing_in_the_past_does_not_shorten_the_record(store: Store) -> None:
    run = store.create(new_run(), "me")
    store.append(run, everything(0, 20))
    store.append(run, steps(0, 0, at=7, status="paused", settings='{"b": 2}'))
    row = store.row(run)
    assert (row.at, row.step, row.status, row.loss) == (7, 20, "paused", loss_of(20))
    assert store.record(run).settings == '{"b": 2}'
    store.close_run(run, 9, "paused")
    assert (store.row(run).at, store.row(run).owner) == (9, "")


def test_dropped_keyframes_go_and_the_tip_stays(store: Store) -> None:
    run = store.create(new_run(), "")
    store.append(run, steps(0, 30, keyframes=(state(10), state(20), state(30)), tip=state(30)))
    store.append(run, steps(30, 0, at=30, dropped=(10, 30)))
    assert [one.step for one in store.keyframes(run)] == [20, 30]
    assert store.keyframe(run, 30) == state(30)


# ---------------------------------------------------------------- forks


@pytest.mark.parametrize("step", [0, 1, 50, 77, 100, 130, 160])
def test_a_fork_has_the_record_up_to_its_step_and_the_parent_stays_as_it_was(
    store: Store, step: int
) -> None:
    parent = store.create(new_run("parent"), "")
    store.append(parent, everything(0, 100))
    store.append(parent, everything(100, 60))
    before = whole(store, parent)
    run = store.fork(parent, step, new_run("child", seed=5), "me")
    assert whole(store, parent) == before

    old, new = store.record(parent), store.record(run)
    assert new.losses == old.losses[:step] and new.learning_rates == old.learning_rates[:step]
    assert new.evaluations == tuple(pair for pair in old.evaluations if pair[0] <= step)
    assert new.edits == tuple(edit for edit in old.edits if edit.step < step)
    assert new.keyframes == tuple(at for at in old.keyframes if at <= step)
    assert all(frame == state(frame.step) for frame in store.keyframes(run))
    pairs = new.measured.get("weight norm", array("d"))
    assert list(pairs[::2]) == [at for at in (50, 100, 130, 160) if at <= step]
    assert store.samples(run) == [one for one in store.samples(parent) if one.batch.step <= step]
    assert store.probes(run) == [one for one in store.probes(parent) if one.step <= step]
    assert store.film(run) == [one for one in store.film(parent) if one.step <= step]
    assert new.tokens_seen == 7 * step and new.seconds == pytest.approx(step / 1000)
    row = new.row
    assert (row.parent, row.fork_step, row.step, row.at, row.seed) == (parent, step, step, step, 5)
    assert (row.name, row.owner, row.status) == ("child", "me", "paused")
    assert row.heldout == (new.evaluations[-1][1] if new.evaluations else None)

    store.append(run, steps(step, 10))
    assert list(store.curve(run)[1]) == [loss_of(at) for at in range(1, step + 11)]
    assert [one.id for one in store.children(parent)] == [run]


def test_a_fork_under_other_settings_keeps_no_state_that_it_could_not_have_been_in(
    store: Store,
) -> None:
    parent = store.create(new_run(), "")
    store.append(parent, everything(0, 100))
    store.append(parent, everything(100, 60))
    run = store.fork(parent, 130, dataclasses.replace(new_run(), earliest=130), "")
    record = store.record(run)
    assert (record.keyframes, record.earliest, record.first) == ((130,), 130, 0)
    assert len(record.losses) == 130, "the losses of its past are shown all the same"


@pytest.mark.parametrize("change", [{"seed": 7}, {"holdout": 0.3}, {"model": {"n_embd": 8}}])
def test_a_fork_that_begins_otherwise_has_nothing_that_was_measured_of_its_parent(
    store: Store, change: dict[str, Any]
) -> None:
    parent = store.create(new_run(), "")
    seen: dict[str, Any] = {
        "evaluations": ((0, 3.5), (100, 2.5)), "samples": (samples(0, "anna"),),
    }  # fmt: skip
    measured = {"weight norm": array("d", [0, 1.5, 100, 1.75])}
    answers = (ProbeAnswers(0, (("a",),)),)
    store.append(
        parent, steps(0, 100, **seen, measured=measured, probes=answers, keyframes=(state(0),))
    )
    fork = store.fork(parent, 0, new_run(**change), "")
    record = store.record(fork)
    assert (record.evaluations, record.measured, record.row.heldout) == ((), {}, None)
    assert (store.samples(fork), store.probes(fork), record.keyframes) == ([], [], ())

    others = dataclasses.replace(new_run(), data="1" * 64)
    assert store.record(store.fork(parent, 0, others, "")).evaluations == ()
    same = store.record(store.fork(parent, 0, new_run(optimizer={"learning_rate": 0.5}), ""))
    assert (same.evaluations, same.keyframes, same.row.heldout) == (((0, 3.5),), (0,), 3.5)


def test_a_fork_of_what_was_not_recorded_is_refused(store: Store) -> None:
    parent = store.create(new_run(), "")
    store.append(parent, steps(0, 10))
    for step in (-1, 11):
        with pytest.raises(ValueError, match="steps 0 to 10"):
            store.fork(parent, step, new_run(), "")
    store.delete([parent])
    with pytest.raises(StoreError) as caught:
        store.fork(parent, 5, new_run(), "")
    assert caught.value.kind == "missing" and store.runs() == []


def test_a_fork_that_is_larger_than_one_piece_is_whole_and_seen_only_then(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.lab.store.housekeeping.AT_A_TIME", 1000)
    parent = store.create(new_run(), "")
    for first in range(0, 300, 20):
        store.append(parent, everything(first, 20))
    seen = []

    def look(_: float) -> None:
        with Store.open(path) as other:
            seen.append([row.id for row in other.runs()])

    monkeypatch.setattr("playground.lab.store.housekeeping.time.sleep", look)
    run = store.fork(parent, 290, new_run(), "")
    assert len(seen) > 10 and all(one == [parent] for one in seen)
    assert store.record(run).losses == store.record(parent).losses[:290]
    assert len(store.probes(run)) == 29


# ---------------------------------------------------------------- lists


def test_deleted_runs_are_gone_from_every_list_and_come_back(store: Store) -> None:
    one, two = store.create(new_run("one"), ""), store.create(new_run("two"), "")
    store.append(one, everything(0, 10))
    before = whole(store, one)
    store.delete([one])
    assert [row.id for row in store.runs()] == [two] and store.totals()[0] == 1
    for ask in (store.row, store.record, store.curve):
        with pytest.raises(StoreError) as caught:
            ask(one)
        assert caught.value.kind == "missing"
        assert caught.value.message.endswith(f": microgpt-play runs restore {one}")
    with pytest.raises(StoreError, match="deleted while it was open"):
        store.append(one, steps(10, 5))
    store.restore([one])
    assert whole(store, one) == before
    store.append(one, steps(10, 5))


def test_what_was_deleted_is_listed_and_found_until_it_is_purged(store: Store) -> None:
    one, two = store.create(new_run("one"), ""), store.create(new_run("two"), "")
    assert store.deleted() == []
    store.delete([one])
    store.delete([two])
    assert [row.id for row, _ in store.deleted()] == [two, one]
    assert store.find("one", deleted=True).id == store.find(str(one), deleted=True).id == one
    with pytest.raises(StoreError):
        store.find("one")
    for look in (lambda: store.row(one), lambda: store.find(str(one))):
        with pytest.raises(StoreError, match=f"microgpt-play runs restore {one}"):
            look()
    store.restore([two])
    with pytest.raises(StoreError, match="is not deleted"):
        store.find("two", deleted=True)
    purge(store, 0)
    assert store.deleted() == []
    with pytest.raises(StoreError, match="no other either"):
        store.find("one", deleted=True)


def test_the_lock_file_of_a_purged_run_goes_with_it(store: Store) -> None:
    run = store.create(new_run(), "")
    lock = RunLock(store.lock_folder, store.row(run).uid)
    assert lock.acquire()
    lock.release()
    store.delete([run])
    purge(store, 0)
    assert list(store.lock_folder.iterdir()) == []


def test_a_purge_takes_what_was_deleted_long_ago_and_the_file_shrinks(path: Path) -> None:
    store = Store.open(path)
    parent = store.create(new_run("parent"), "")
    store.append(parent, steps(0, 100_000))
    text = store.keep_text(b"some text")
    other = store.create(dataclasses.replace(new_run(), text_sha256=text), "")
    child = store.fork(parent, 10, new_run("child"), "")
    unused = store.keep_text(b"another text")
    size = store.totals()[1]
    store.delete([parent])
    assert purge(store) == 0, "a week has not passed"
    store.restore([parent])
    store.delete([parent])
    assert purge(store, older_than=0) == 1
    with pytest.raises(StoreError, match="too long ago"):
        store.restore([parent])
    assert store.text(text) == b"some text" and store.text(unused) is None
    assert store.row(child).parent == parent, "of a parent that is gone one still knows its number"
    assert {row.id for row in store.runs()} == {other, child}
    assert store.create(new_run(), "") not in (parent, other, child), "no number is used twice"
    assert store.check() == []
    store.close()
    assert path.stat().st_size < size / 4


def test_names_and_notes_are_kept_as_they_were_typed(store: Store) -> None:
    run = store.create(new_run(), "")
    name = "Robert'); DROP TABLE runs;-- [bold]\u202e 🐜\x00"
    store.rename(run, name)
    store.annotate(run, "line\nline")
    assert (store.row(run).name, store.row(run).note) == (name, "line\nline")
    store.rename(run, "a file's name: \udcff")
    assert store.row(run).name == "a file's name: ?"
    with pytest.raises(StoreError) as caught:
        store.rename(run + 1, "nobody")
    assert caught.value.kind == "missing"


def test_a_name_that_no_list_could_show_is_refused(store: Store) -> None:
    run = store.create(new_run("mine"), "")
    with pytest.raises(StoreError, match="has 10,000 characters, and a name has up to 200"):
        store.rename(run, "x" * 10_000)
    store.rename(run, "x" * 200)
    assert store.row(run).name == "x" * 200


def test_a_run_is_found_by_number_name_or_the_beginning_of_its_uid(store: Store) -> None:
    one = store.create(new_run("ants"), "")
    two = store.create(new_run("bees"), "")
    uid = store.row(two).uid
    assert store.find(f" {one} ").id == one
    assert store.find("bees").id == store.find(uid).id == store.find(uid[:8].upper()).id == two
    with pytest.raises(StoreError) as caught:
        store.find("bee")
    assert caught.value.kind == "missing"
    assert "Did you mean 'bees'?" in caught.value.message and "1 (ants)" in caught.value.message
    store.rename(one, "bees")
    with pytest.raises(StoreError, match="fits the runs 1, 2"):
        store.find("bees")
    store.delete([one, two])
    with pytest.raises(StoreError, match="no other either"):
        store.find("bees")


def test_the_same_text_is_kept_once(store: Store) -> None:
    text = bytes(range(256)) * 5000
    first = store.keep_text(text)
    size = store.totals()[1]
    assert store.keep_text(text) == first and store.text(first) == text
    assert store.totals()[1] - size < len(text) / 4
    assert store.text("f" * 64) is None


def test_samples_of_any_characters_come_back(store: Store) -> None:
    run = store.create(new_run(), "")
    odd = samples(3, "\x00\x1b[31m", "[b]x", "\udcff", "", occasion="on demand 2")
    store.append(run, steps(0, 3, samples=(odd,)))
    assert store.samples(run) == [odd]


# ---------------------------------------------------------------- who has it open


def test_a_run_with_an_owner_and_without_a_lock_was_interrupted(store: Store) -> None:
    left, held, closed = (store.create(new_run(), "process 1") for _ in range(3))
    store.close_run(closed, 0, "paused")
    lock = RunLock(store.lock_folder, store.row(held).uid)
    assert lock.acquire() and lock.held
    assert not RunLock(store.lock_folder, store.row(held).uid).acquire()
    assert is_open(store.lock_folder, store.row(held).uid)
    assert [row.id for row in store.interrupted()] == [left]
    lock.release()
    assert not is_open(store.lock_folder, store.row(held).uid)
    assert [row.id for row in store.interrupted()] == [held, left]
    assert lock.acquire(), "it may be taken again"
    lock.release()
    store.set_owner(closed, "process 2")
    assert store.row(closed).owner == "process 2"


def test_a_uid_is_never_a_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the uid"):
        RunLock(tmp_path, "../../etc/passwd")


# ---------------------------------------------------------------- keyframes


def test_a_keyframe_is_a_safetensors_file_and_comes_back_to_the_bit() -> None:
    weights = array("d", [0.1, -0.0, float("inf")])
    keyframe = Keyframe(12, 84, weights, array("d", [1, 2, 3]), array("d", [4, 5, 6]))
    stored = frame_bytes(keyframe)
    assert keyframe_of(stored) == keyframe
    tensors = dict(safetensors.deserialize(stored.state))
    assert set(tensors) == {"weights", "first_moment", "second_moment"}
    assert bytes(tensors["weights"]["data"]) == weights.tobytes()
    assert tensors["second_moment"]["dtype"] == "F64"
    assert tensors["second_moment"]["shape"] == [3]


@pytest.mark.parametrize("cut", [0, 7, 8, 40, 300, -8, -1])
def test_a_keyframe_that_was_cut_short_is_refused_in_words(cut: int) -> None:
    stored = state(5)
    with pytest.raises(StoreError) as caught:
        keyframe_of(StoredKeyframe(5, stored.state[:cut]))
    assert caught.value.kind == "damaged" and "step 5" in caught.value.message


def test_a_keyframe_that_adam_cannot_go_on_from_is_refused() -> None:
    values = array("d", [0.1, 0.2])
    odd = frame_bytes(Keyframe(5, 35, values, values, array("d", [0.1, -0.2])))
    with pytest.raises(StoreError, match="second moment is negative"):
        keyframe_of(odd)


def test_a_keyframe_of_another_step_is_refused() -> None:
    with pytest.raises(StoreError, match="it says that it is step 5"):
        keyframe_of(StoredKeyframe(6, state(5).state))


def test_a_fork_is_listed_with_the_mean_of_its_last_hundred_losses(path: Path) -> None:
    with Store.open(path) as store:
        parent = store.create(new_run(), "")
        for first in (0, 70, 140):
            store.append(parent, steps(first, 70))
        for step in (150, 40):
            row = store.row(store.fork(parent, step, new_run(), ""))
            last = [loss_of(at) for at in range(max(0, step - 100) + 1, step + 1)]
            assert row.loss == pytest.approx(sum(last) / len(last), rel=1e-12)


def test_the_store_is_in_the_folder_of_the_user(home: Path) -> None:
    with Store.open() as store:
        assert store.path == store_file() == home / "data" / "runs.sqlite"
        record: RunRecord = store.record(store.create(new_run(), ""))
    assert record.keyframes == () and len(record.losses) == 0


def test_reading_the_store_loads_neither_plugins_nor_the_checks_of_settings() -> None:
    code = (
        "import sys, playground.lab.store.store, playground.lab.store.query, "
        "playground.lab.store.transfer; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pydantic", "pluggy", "filelock", "textual", "asyncio", "safetensors"}
    assert heavy.isdisjoint(done.stdout.split())
