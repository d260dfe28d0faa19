"""`import playground`: runs as objects, with the numbers of the command line."""

from __future__ import annotations

import gc
import json
import re
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import playground as mg
from playground.cli.commands import cli
from playground.lab.notebook.settings import FIELDS, Settings
from playground.lab.store.store import Store
from playground.lab.store.transfer import export_run
from tests.lab.conftest import WORDS

SMALL: Settings = {
    "n_embd": 8, "n_head": 2, "block_size": 8, "steps": 60, "seed": 7, "eval_every": 20,
}  # fmt: skip
OPTIONS = [
    word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", str(value))
]


@pytest.fixture
def run(words: Path) -> mg.Run:
    return mg.open(words, plugins=False, **SMALL)


@pytest.fixture
def told() -> Iterator[Any]:
    """Runs the command line, and returns what it prints."""
    threshold = gc.get_threshold()

    def told(*options: object) -> str:
        done = CliRunner().invoke(cli, [*map(str, options), "--no-plugins"])
        assert done.exit_code == 0, done.output
        return done.stdout

    yield told
    gc.set_threshold(*threshold)


def weights(run: mg.Run) -> list[float]:
    return list(run._read().weights)


def test_losses_and_samples_are_those_of_the_command_line(
    run: mg.Run, words: Path, told: Any, tmp_path: Path
) -> None:
    lines = told("train", words, *OPTIONS, "--json", "--samples", 0, "--no-record").splitlines()
    assert run.train().losses == [json.loads(line)["loss"] for line in lines if '"loss"' in line]
    path = run.save(tmp_path / "m.safetensors")
    said = told("sample", path, "-n", 25, "--prompt", "a", "--temperature", 0.8).splitlines()
    looked_at = run._session.observation
    assert run.sample(25, prompt="a", temperature=0.8) == said and said[:5] != said[20:]
    assert run._session.observation == looked_at
    assert mg.model(path, plugins=False).sample(25, prompt="a", temperature=0.8) == said


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("train"), st.integers(0, 9)),
        st.tuples(st.just("go_to"), st.integers(0, 40)),
        st.tuples(st.just("fork"), st.just(0)),
    ),
    max_size=7,
)


@settings(max_examples=8)
@given(moves=MOVES)
def test_every_walk_leads_where_the_straight_path_does(
    moves: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = tmp_path_factory.mktemp("walk") / "words.txt"
    words.write_text("\n".join(WORDS))
    walker, straight = (mg.open(words, plugins=False, **SMALL) for _ in range(2))
    for move, number in moves:
        if move == "fork":
            walker = walker.fork()
        elif move == "go_to":
            walker.go_to(number)
        else:
            walker.train(min(number, walker.steps - walker.at))
    straight.train(walker.at)
    assert (walker.losses, walker.held_out) == (straight.losses, straight.held_out)
    assert weights(walker) == weights(straight)


def test_a_fork_leaves_its_parent_as_it_was(run: mg.Run) -> None:
    run.train(40)
    end, there = run.series(), weights(run)
    run.go_to(20)
    fork = run.fork(learning_rate=0.3, steps=90).train(30)
    assert fork.settings["learning_rate"] == 0.3 and fork.steps == 90
    assert fork.losses[:20] == run.losses and len(fork.losses) == 50
    assert fork.series()["held_out"][1] == end["held_out"][1], "measured before the fork"
    assert fork.series()["held_out"][2] != end["held_out"][2], "not what the parent knew of step 40"
    fork.cut("head:0.1").train(5)
    assert run.settings["learning_rate"] == 0.01 and run.steps == 60
    run.go_to(40)
    assert run.series() == end and weights(run) == there


def test_operations_are_done_held_and_taken_back(run: mg.Run) -> None:
    run.train(10)
    before, whole = weights(run), run.dissect("cat")
    run.cut("head:0.1").set("weight:wte[4,1]", 0.5)
    seen = run.dissect("cat").anatomy
    assert not any(any(row) for row in seen.layers[0].heads[1])
    assert seen.weights["wte"][4][1] == 0.5
    run.undo().undo()
    assert weights(run) == before and run.dissect("cat").logits == whole.logits
    run.hold("head:0.1").train(5)
    assert not any(any(row) for row in run.dissect("cat").anatomy.layers[0].heads[1])


def test_a_dissection_has_the_shapes_that_it_tells(run: mg.Run) -> None:
    seen = run.dissect("cat")
    places = len(seen.tokens)
    assert seen.tokens[1:] == seen.targets[:3] == ["c", "a", "t"] and places == 4
    looks = seen.attention(layer=0, head=1)
    assert [len(row) for row in looks] == [places] * places
    assert all(sum(row) == pytest.approx(1) for row in looks) and looks[0][1:] == [0, 0, 0]
    assert {len(row) for row in seen.logits} == {len(seen.vocabulary)}
    assert seen.lens()["layer 0 mlp"] == seen.probabilities
    assert len(seen.stream()["embedding"][0]) == 8 and len(seen.neurons()[0]) == 32
    assert seen.next(1)[0][1] == max(seen.probabilities[-1])


def test_saved_and_recorded_runs_go_on_to_the_bit(
    run: mg.Run, words: Path, told: Any, tmp_path: Path
) -> None:
    told("train", words, *OPTIONS, "--samples", 0)
    file = tmp_path / "one.microgpt-run"
    with Store.open() as store:
        export_run(store, 1, file)
    run.train(30)
    saved = mg.load(run.save(tmp_path / "m.safetensors"), plugins=False)
    others = [
        saved.train(), mg.recorded(1, plugins=False), mg.recorded("1", at=30, plugins=False),
        mg.load(file, plugins=False),
    ]  # fmt: skip
    assert others[2].at == 30
    others[2].train()
    run.train()
    for other in others:
        assert other.finished and other.series()["loss"] == run.series()["loss"]
        assert weights(other) == weights(run)
    with Store.open() as store:
        assert [row.id for row in store.runs()] == [1], "looking at a run records nothing"
    moved = words.rename(tmp_path / "moved.txt")
    again = mg.load(tmp_path / "m.safetensors", data=moved, plugins=False).train()
    assert again.losses == run.losses
    with pytest.raises(mg.LabError, match=re.escape("playground.model(path) needs none")):
        mg.load(tmp_path / "m.safetensors", plugins=False)
    assert mg.load(file, plugins=False).finished, "the file of a run holds its text"


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda _: mg.open(n_emb=8, plugins=False), "n_emb is no setting; did you mean n_embd"),
        (lambda _: mg.open(n_embd=9, plugins=False), "n_embd 9 cannot be divided"),
        (lambda _: mg.open(engine="vectr", plugins=False), "did you mean 'vector'"),
        (lambda _: mg.open("nams", plugins=False), "did you mean 'names'"),
        (lambda _: mg.open("gone.txt", plugins=False), "gone.txt does not exist"),
        (lambda _: mg.open("m.safetensors", plugins=False), "playground.load('m.safetensors')"),
        (lambda _: mg.recorded(3, plugins=False), "There are no runs yet"),
        (lambda run: run.train(61), "run.fork(steps=61)"),
        (lambda run: run.train(-1), "steps must be 0 or more"),
        (lambda run: run.go_to(61), "Step 61 cannot be reached"),
        (lambda run: run.train(1).fork(n_embd=16), "n_embd only from step 0"),
        (lambda run: run.fork(n_hed=1), "n_hed is no setting; did you mean n_head"),
        (lambda run: run.cut("head:0.9"), "This cannot be done to the weights"),
        (lambda run: run.set("head:0.1", 1, 2), "head:0.1 has 32 weights, and not 2"),
        (lambda run: run.dissect("É"), "does not know 'É'"),
        (lambda run: run.dissect("a").attention(head=2), "count from 0 to 1"),
        (lambda run: run.sample(temperature=9), "from 0.05 to 5"),
        (lambda run: run.measure("gradient"), "did you mean 'gradient-norm'"),
        (lambda run: run.export("run.zip"), ".csv"),
    ],
)
def test_what_cannot_be_is_refused_in_words(run: mg.Run, ask: Any, said: str) -> None:
    with pytest.raises(mg.LabError, match=re.escape(said)):
        ask(run)
    run.train(1)


def test_settings_have_the_same_names_everywhere(
    run: mg.Run, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(words.parent)
    assert mg.open("words.txt", plugins=False, **SMALL).settings == run.settings
    assert Settings.__annotations__.keys() == FIELDS.keys() == run.settings.keys()
    other = run.settings
    data = other.pop("dataset")["options"]["path"]
    assert mg.open(data, plugins=False, **other).settings == run.settings
    assert mg.open(data, plugins=False, optimizer="sgd").settings["learning_rate"] == 0.3


def test_metrics_are_among_the_series(run: mg.Run, tmp_path: Path) -> None:
    found = run.measure("gradient-norm").train(20).series()
    assert [step for step, _ in found["gradient-norm"]] == [1, 10, 20]
    assert [step for step, _ in found["held_out"]] == [0, 20]
    assert found["learning_rate"][0] == (1, 0.01)
    assert run.go_to(30).series()["gradient-norm"][-1][0] == 30, "also on the way to a new step"
    assert run.export(tmp_path / "run.csv").read_text().count("\n") > 20


def test_a_frame_is_the_series_or_says_how_to_add_pandas(
    run: mg.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(mg.LabError, match="install pandas"):
        run.frame()

    class Frame(dict[str, Any]):
        def sort_index(self) -> Frame:
            return self

        def rename_axis(self, name: str) -> Frame:
            return Frame(self, index=name)

    stub = types.ModuleType("pandas")
    stub.__dict__.update(Series=lambda pairs, **_: pairs, DataFrame=Frame)
    monkeypatch.setitem(sys.modules, "pandas", stub)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: stub)
    frame = run.train(2).frame()
    assert frame["index"] == "step" and list(frame["loss"].values()) == run.losses


def test_ctrl_c_ends_the_training_after_a_whole_step(
    run: mg.Run, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = run._session.advance

    def interrupted(_: int = 1) -> bool:
        if run.at == 3:
            signal.raise_signal(signal.SIGINT)
        return advance(1)

    monkeypatch.setattr(run._session, "advance", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.train()
    assert run.at == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert run.train().losses == mg.open(words, plugins=False, **SMALL).train().losses


def test_jupyter_shows_others_words_as_words(tmp_path: Path) -> None:
    file = tmp_path / "<script>&.txt"
    file.write_text("".join(f"<b>&'\"{word}\n" for word in WORDS))
    run = mg.open(file, plugins=False, **SMALL).train(40)
    for html in (run._repr_html_(), run.dissect("<b>&")._repr_html_()):
        ElementTree.fromstring(html)
        assert "<script" not in html and "<b>" not in html and len(html) < 20_000
    shown = run._repr_html_()
    assert "<svg" in shown and "40 of 60" in shown and f"{run.losses[-1]:.4f}" in shown
    assert shown.count("<circle") == 3


def test_the_import_is_cheap_and_no_call_loads_the_screen() -> None:
    code = (
        "import sys; before = set(sys.modules); import playground; dir(playground)\n"
        "print(*(set(sys.modules) - before)); run = playground.open\n"
        "print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    first, later = (set(line.split()) for line in done.stdout.splitlines())
    assert first == {"playground"}
    assert "playground.lab.notebook" in later and later.isdisjoint({"textual", "rich", "asyncio"})
