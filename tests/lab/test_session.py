"""A session, without a process around it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from microgpt import CharTokenizer, ModelConfig, OptimizerConfig, Trainer, VectorEngine, load_names
from microgpt.trainer import shuffle_and_init
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.protocol.frames import FrameRequest, MatrixView
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.probes import ProbeSet
from playground.lab.protocol.sampling import Link, Measuring, MetricChoice, Sampling
from playground.lab.run.speed import Ration
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab import plugins
from tests.lab.conftest import text_run


def losses(session: Session) -> list[float]:
    return list(session.frame().metrics.losses)


def walk(session: Session, steps: int) -> None:
    for _ in range(steps):
        assert session.advance()


def test_default_run_has_the_losses_of_the_plain_trainer(registry: Registry) -> None:
    documents = load_names()
    tokenizer = CharTokenizer()
    tokenizer.train(documents)
    config = ModelConfig(tokenizer.vocab_size)
    weights, _ = shuffle_and_init(documents, config, 42)
    bos = tokenizer.bos_id
    tokens = [[bos, *tokenizer.encode(text), bos] for text in documents[:50]]
    plain = Trainer(
        VectorEngine(config, OptimizerConfig(), weights), tokens, OptimizerConfig(), 1000
    )
    expected = [plain.advance().loss for _ in range(40)]

    session = Session.open(RunSpec(), registry, observation=Observation(Sampling(every=7)))
    walk(session, 40)

    assert losses(session) == expected


def test_what_is_held_out_changes_neither_order_nor_first_weights(
    words: Path, registry: Registry
) -> None:
    without = Session.open(text_run(words, holdout=0), registry)
    half = Session.open(text_run(words, holdout=0.5), registry)
    assert (without.info.heldout_documents, half.info.heldout_documents) == (0, 10)
    walk(without, 5)
    walk(half, 5)
    assert losses(without) == losses(half)


def test_a_single_document_is_trained_on_and_that_is_said(
    tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "one.txt"
    path.write_text("alone\n", encoding="utf-8")
    session = Session.open(text_run(path), registry)
    assert (session.info.train_documents, session.info.heldout_documents) == (1, 0)
    assert any("too few documents" in notice.text for notice in session.info.notices)
    walk(session, 3)
    assert session.frame().metrics.evaluations == ()


def test_baselines_are_those_of_the_tokens_the_model_sees(
    tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "ab.txt"
    path.write_text("ab\nab\nab\n", encoding="utf-8")
    info = Session.open(text_run(path, holdout=0), registry).info
    nats = {baseline.name: baseline.nats for baseline in info.baselines}
    assert nats["uniform"] == pytest.approx(math.log(3))
    assert nats["unigram"] == pytest.approx(math.log(3))  # a, b and BOS equally often
    # After each token the same one stood 3 times, and the smoothing adds one of any kind.
    assert nats["bigram"] == pytest.approx(math.log(4 / (3 + 1 / 3)))


def test_hold_out_loss_is_taken_at_the_start_every_n_steps_and_at_the_end(
    words: Path, registry: Registry
) -> None:
    session = Session.open(text_run(words, steps=45, eval_every=20), registry)
    walk(session, 45)
    assert [step for step, _ in session.frame().metrics.evaluations] == [0, 20, 40, 45]


def test_looking_and_sampling_change_nothing(spec: RunSpec, registry: Registry) -> None:
    plain = Session.open(spec, registry, observation=Observation(Sampling(every=0)))
    watched = Session.open(spec, registry, observation=Observation(Sampling(every=3)))
    walk(plain, 30)
    views = tuple(
        MatrixView("wte", kind)
        for kind in ("weights", "gradients", "update", "first_moment", "second_moment")
    )
    for _ in range(30):
        assert watched.advance()
        watched.frame(FrameRequest(matrices=views))
        watched.preview()
        watched.sample()
    assert losses(plain) == losses(watched)


def test_a_frame_holds_only_what_is_new_and_only_what_was_asked_for(session: Session) -> None:
    session.observe(Sampling(every=5, count=2))
    walk(session, 10)
    frame = session.frame(FrameRequest(since_step=6, since_batch=1, document=False))
    assert frame.metrics.first_step == 7
    assert len(frame.metrics.losses) == len(frame.metrics.learning_rates) == 4
    assert [(batch.number, batch.step) for batch in frame.batches] == [(2, 10)]
    assert frame.document is None and frame.matrices == ()


def test_the_document_frame_is_what_the_last_step_learnt_from(session: Session) -> None:
    before = session.frame().document
    assert before is not None and before.position == 0 and before.losses == ()
    walk(session, 1)
    frame = session.frame()
    document = frame.document
    assert document is not None and document.tokens == before.tokens
    assert document.tokens[-1] == "·" and len(document.losses) == len(document.tokens)
    assert sum(document.losses) / len(document.losses) == pytest.approx(frame.metrics.losses[-1])


def test_update_is_what_the_last_step_added(session: Session) -> None:
    walk(session, 9)
    view = FrameRequest(matrices=(MatrixView("wte", "weights"),))
    before = session.frame(view).matrices[0].values
    walk(session, 1)
    now, update = session.frame(
        FrameRequest(matrices=(MatrixView("wte", "weights"), MatrixView("wte", "update")))
    ).matrices
    assert [a - b for a, b in zip(now.values, before, strict=True)] == list(update.values)
    walk(session, 1)  # this time the session has kept the weights before the step
    later, again = session.frame(
        FrameRequest(matrices=(MatrixView("wte", "weights"), MatrixView("wte", "update")))
    ).matrices
    assert [a - b for a, b in zip(later.values, now.values, strict=True)] == list(again.values)


def test_a_text_of_the_data_is_told_from_a_new_one(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "same.txt"
    path.write_text("ab\n" * 30, encoding="utf-8")
    session = Session.open(text_run(path, steps=150), registry)
    new = session.sample()
    walk(session, 150)
    greedy = Sampling(chain=(Link("temperature", {"temperature": 0.05}),), count=3)
    session.observe(greedy)
    batch = session.sample()
    assert [(text.text, text.in_data, text.complete) for text in batch.texts] == [
        ("ab", True, True)
    ] * 3
    assert any(not text.in_data for text in new.texts)


def test_sampling_again_gives_other_texts_and_the_same_seed_the_same(
    spec: RunSpec, registry: Registry
) -> None:
    one, two = Session.open(spec, registry), Session.open(spec, registry)
    first, second = one.sample(), one.sample()
    assert first.texts != second.texts
    assert (two.sample().texts, two.sample().texts) == (first.texts, second.texts)


@pytest.mark.parametrize(
    ("sampling", "field"),
    [
        (Sampling(prompt="Ω"), "prompt"),
        (Sampling(prompt="antbeecat"), "prompt"),
        (Sampling(count=0), "count"),
        (Sampling(every=-1), "every"),
        (Sampling(chain=(Link("temperature", {"temperature": -1}),)), "temperature.temperature"),
        (Sampling(chain=(Link("temprature"),)), "temprature"),
    ],
)
def test_sampling_that_cannot_be_is_refused_and_the_old_one_stays(
    session: Session, sampling: Sampling, field: str
) -> None:
    with pytest.raises(LabError) as caught:
        session.observe(sampling)
    assert field in caught.value.failure.problems
    assert session.observation.sampling == Sampling()
    assert session.sample().texts


def test_a_chain_is_tried_and_each_link_tells_what_it_leaves(session: Session) -> None:
    before = session.observation.sampling
    tried = (
        Link("temperature", {"temperature": 0.5}),
        Link("top-k", {"top_k": 5}, enabled=False),
        Link("top-k", {"top_k": 3}),
        Link("greedy"),
    )
    preview = session.preview(chain=tried)
    assert preview.chain == tried and session.observation.sampling == before
    assert sum(chance.after > 0 for chance in preview.chances) == 3
    sharper, off, filtered, picks = preview.spreads
    assert off is None and picks is None
    assert preview.alone is not None and sharper is not None and filtered is not None
    assert preview.alone.tokens == sharper.tokens == session.info.vocab_size
    assert preview.alone.choices > sharper.choices > 3 >= filtered.choices > 1
    assert filtered.tokens == 3
    assert session.preview().spreads == ()


def test_preview_gives_chances_before_and_after_the_chain(session: Session) -> None:
    session.observe(Sampling(chain=(Link("top-k", {"top_k": 2}),)))
    preview = session.preview(limit=3)
    assert len(preview.chances) == 3
    assert [chance.after > 0 for chance in preview.chances] == [True, True, False]
    assert sum(chance.after for chance in preview.chances) + preview.rest == pytest.approx(1)
    assert preview.rest_count == session.info.vocab_size - 3


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"optimizer.learning_rate": -1.0}, "optimizer.learning_rate"),
        ({"optimizer.learning_rate": "fast"}, "optimizer.learning_rate"),
        ({"model.n_embd": 32}, "model.n_embd"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_an_edit_that_cannot_be_names_its_field(
    session: Session, changes: dict[str, float | str], field: str
) -> None:
    with pytest.raises(LabError) as caught:
        session.edit(changes)
    assert field in caught.value.failure.problems


def test_an_edited_learning_rate_holds_from_the_next_step(session: Session) -> None:
    walk(session, 2)
    session.edit({"optimizer.learning_rate": 0.1})
    assert session.frame().base_learning_rate == 0.1
    walk(session, 1)
    assert list(session.frame().metrics.learning_rates)[-1] == pytest.approx(0.1 * (1 - 2 / 400))


def test_an_edit_drops_the_texts_and_answers_of_the_steps_that_are_void(session: Session) -> None:
    session.observe(Sampling(every=5, count=1))
    session.observe(ProbeSet(("a",), every=5))
    walk(session, 20)
    session.go_to(10)
    session.edit({"optimizer.learning_rate": 0.02})
    assert [batch.step for batch in session.texts.batches] == [5, 10]
    assert list(session.prober.answers.steps) == [0, 5, 10]
    walk(session, 10)
    session.go_to(15)
    session.use_engine("scalar")
    assert [batch.step for batch in session.texts.batches] == [5, 10, 15]
    assert list(session.prober.answers.steps) == [0, 5, 10, 15]


@pytest.mark.parametrize(("share", "looked_at"), [(1e9, 5), (0.0, 1)])
def test_training_earns_the_time_for_texts_metrics_and_probes(
    spec: RunSpec, registry: Registry, monkeypatch: pytest.MonkeyPatch, share: float, looked_at: int
) -> None:
    monkeypatch.setattr(Ration, "BEGINNING", 1e-9)  # spent by one look
    monkeypatch.setattr(Ration, "SHARE", share)
    every_step = Observation(
        Sampling(every=1, count=1),
        Measuring((MetricChoice("perplexity"),), every=1),
        ProbeSet(("a",), every=1),
    )
    session = Session.open(spec, registry, observation=every_step)
    walk(session, 5)
    frame = session.frame()
    steps = list(range(1, 1 + looked_at))
    assert [batch.step for batch in frame.batches] == steps
    assert [step for step, _ in frame.metrics.measured["perplexity"]] == steps
    probed = [0, *steps] if share else [0]
    assert [answers.step for answers in session.probes().answers] == probed


def test_a_checkpoint_has_the_series_from_a_step_on_unless_the_epoch_is_another(
    session: Session,
) -> None:
    walk(session, 20)
    epoch = session.training.epoch
    part = session.checkpoint(since_step=15, epoch=epoch)
    assert (part.since_step, part.epoch, part.losses) == (
        15, epoch, session.training.series.losses[15:].tobytes(),
    )  # fmt: skip
    session.go_to(10)
    session.edit({"optimizer.learning_rate": 0.02})
    walk(session, 10)
    whole = session.checkpoint(since_step=15, epoch=epoch)
    assert (whole.since_step, whole.losses) == (0, session.training.series.losses.tobytes())
    assert whole.epoch != epoch
    assert session.checkpoint(since_step=15).since_step == 15, "whatever the epoch"
    assert session.checkpoint(series=False, epoch=epoch).losses == b""


def test_a_session_stops_at_the_last_step(words: Path, registry: Registry) -> None:
    session = Session.open(text_run(words, steps=2), registry)
    assert session.state == "ready"
    walk(session, 2)
    assert session.state == "finished"
    assert not session.advance() and session.step == 2


def test_progress_tells_each_stage_and_its_exception_cancels(
    spec: RunSpec, registry: Registry
) -> None:
    stages: list[str] = []
    Session.open(spec, registry, progress=lambda progress: stages.append(progress.stage))
    assert stages[0].startswith("reading")
    assert stages[-2:] == ["measuring baselines", "measuring the held-out loss"]
    assert any(stage.startswith("tokenizer") for stage in stages)

    def cancel(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Session.open(spec, registry, progress=cancel)


# ---------------------------------------------------------------- divergence


def test_divergence_puts_back_to_the_last_good_step_and_everything_works_from_there(
    spec: RunSpec, registry: Registry
) -> None:
    healthy = Session.open(spec, registry)
    walk(healthy, 10)
    session = Session.open(spec, registry)
    walk(session, 10)
    session.edit({"optimizer.learning_rate": 1e9})
    while session.advance():
        assert session.step < 60, "a learning rate of 1e9 should tear it apart"
    failure = session.trouble
    assert failure is not None and failure.kind == "diverged"
    assert session.state == "failed"
    assert "1e+09" in failure.message and "magnitude" in failure.message
    assert f"put back to step {session.step:,}" in failure.message
    good = session.step
    assert math.isfinite(session.frame().metrics.losses[-1])
    assert session.sample().texts
    session.go_to(10)
    assert session.state == "paused"
    assert losses(session) == losses(healthy)
    session.edit({"optimizer.learning_rate": 0.01})
    walk(session, good + 5)
    assert math.isfinite(session.frame().metrics.losses[-1])


def diverged(spec: RunSpec, registry: Registry) -> Session:
    """A session that a learning rate of a billion has stopped."""
    session = Session.open(spec, registry)
    session.edit({"optimizer.learning_rate": 1e9})
    while session.advance():
        assert session.step < 60
    return session


def test_another_way_to_look_at_a_diverged_run_does_not_make_it_well(
    spec: RunSpec, registry: Registry
) -> None:
    session = diverged(spec, registry)
    trouble = session.trouble
    assert trouble is not None and trouble.kind == "diverged"
    others = (
        Sampling(count=2),
        Measuring((MetricChoice("perplexity"),)),
        ProbeSet(("a",)),
    )
    for part in others:
        session.observe(part)
        assert session.trouble is trouble and session.state == "failed"


def test_after_divergence_the_state_that_is_put_back_gives_a_finite_loss(
    spec: RunSpec, registry: Registry
) -> None:
    session = diverged(spec, registry)
    session.edit({"optimizer.learning_rate": 0.0})
    assert session.advance()
    assert math.isfinite(session.frame().metrics.losses[-1])


# ---------------------------------------------------------------- data that do not fit


def test_a_prompt_that_new_data_cannot_spell_does_not_keep_the_data_from_opening(
    spec: RunSpec, registry: Registry
) -> None:
    session = Session.open(
        spec, registry, observation=Observation(Sampling(prompt="Ω", count=2, every=3))
    )
    assert session.info.observation.sampling == Sampling(count=2, every=3)
    assert any("Ω" in notice.text for notice in session.info.notices)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("return iter(())", "empty"),
        ("yield 3", "int"),
        ("yield 'fine'\n        raise RuntimeError('torn')", "torn"),
        ("raise DatasetError('The well is dry', 'Dig deeper.')\n        yield", "well is dry"),
    ],
)
def test_a_data_set_that_is_no_good_is_refused_in_words(
    tmp_path: Path, body: str, word: str
) -> None:
    file = plugins.dataset(tmp_path, "odd", body)
    found = load(PluginSources(files=(str(file),), entry_points=False))
    with pytest.raises(LabError) as caught:
        Session.open(RunSpec.parse({"dataset": {"name": "odd"}}), found)
    failure = caught.value.failure
    assert word in failure.title + failure.message


@pytest.mark.parametrize(
    ("text", "options", "word", "action"),
    [
        ("ana maria luz\n" * 5, {}, "a context length of 14 would see all of it", ""),
        ("abcdefghijkl" * 9 + "\n", {}, "windows would use all of it", "split:windows"),
        ("abcdefghijkl" * 9 + "\n", {"split": "windows"}, "", ""),
        ("ab\x07c\nde\n" * 9, {}, "U+0007", ""),
        ("a\nb\nc\n", {}, "by heart", ""),
        ("".join(f"{i}\n" for i in range(50_000)), {}, "0.89 % of them", ""),
    ],
    ids=["names with spaces", "cut off", "windows", "control characters", "few", "many"],
)
def test_notices_say_what_a_person_should_know_of_the_data(
    tmp_path: Path, registry: Registry, text: str, options: dict[str, str], word: str, action: str
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    spec = text_run(path)
    spec = spec.replace({f"dataset.options.{key}": value for key, value in options.items()})
    info = Session.open(spec, registry).info
    found = {notice.text: notice.action for notice in info.notices}
    if word:
        assert [action for text, action in found.items() if word in text] == [action]
    else:
        assert not any("beyond" in text for text in found)


def test_a_very_long_document_is_read_only_as_far_as_the_model_sees(
    tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "long.txt"
    path.write_text("abcdefghij" * 9_000 + "\nshort\n", encoding="utf-8")
    session = Session.open(text_run(path, holdout=0), registry)
    assert session.info.longest == pytest.approx(90_000, rel=0.01)
    walk(session, 4)
    document = session.frame().document
    assert document is not None
    walk(session, 1)
    other = session.frame().document
    assert other is not None and {len(document.beyond), len(other.beyond)} == {0, 64}


def test_ids_outside_the_vocabulary_are_refused(tmp_path: Path, words: Path) -> None:
    file = plugins.tokenizer(tmp_path, "wild", encode="return [999]")
    found = load(PluginSources(files=(str(file),), entry_points=False))
    with pytest.raises(LabError) as caught:
        Session.open(text_run(words, tokenizer={"name": "wild"}), found)
    assert "999" in caught.value.failure.message
