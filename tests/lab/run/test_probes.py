"""Probes ask the same prompts under the same dice, so that only the model makes a difference."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.probe_answers import Answers, compare, read_lines, summary, write_lines
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.protocol.probes import ProbeAnswers, ProbeError, ProbeSet
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.run.guard import Activity
from playground.lab.run.metrics import NEVER
from playground.lab.run.probes import Prober
from playground.lab.run.sampling import Sampler
from playground.lab.run.setup import prepare_run
from playground.lab.run.speed import Ration
from playground.lab.run.training import Training
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab import plugins
from tests.lab.conftest import text_run
from tests.lab.test_timeline import UNEVEN

ABC = ProbeSet(("a", "b", ""), seed=3, every=10, count=2)

FRAGILE = """
from playground.api import Contribution, hookimpl

class Fragile:
    broken = False
    prompts = set()
    def transform(self, logits, context):
        Fragile.prompts.add(context.tokens[1:context.prompt_length])
        if Fragile.broken:
            raise ValueError("it [b]broke")
        return logits

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="fragile", summary="may break", factory=Fragile)
"""


class Bench:
    """A run in training, with a prober beside it."""

    def __init__(self, spec: RunSpec, registry: Registry) -> None:
        prepared = prepare_run(spec, registry, None, self._unheard, Activity())
        self.training = Training(prepared)
        self.sampler = Sampler(
            registry,
            self.training.current,
            prepared.encoder,
            prepared.config,
            spec.model.model_dump(),
            Activity(),
            prepared.known,
        )
        self.prober = Prober(self.sampler)

    @staticmethod
    def _unheard(progress: Progress) -> None:
        """Take progress, and tell nobody."""

    def walk(self, steps: int) -> None:
        """Train so many steps as a session does, asking the probes before, between and after."""
        target = self.training.step + steps
        self.prober.after(self.training.step)
        while self.training.step < target:
            most = min(target - self.training.step, self.prober.until(self.training.step))
            assert self.training.forward(most)
            self.prober.after(self.training.step, self.training.finished)

    def answers(self, step: int) -> tuple[tuple[str, ...], ...]:
        found = self.prober.answers.at(step)
        assert found is not None and found.step == step
        return found.answers


@pytest.fixture
def bench(spec: RunSpec, registry: Registry) -> Bench:
    return Bench(spec, registry)


# ---------------------------------------------------------------- asking


def test_a_run_is_asked_at_its_start_and_every_so_many_steps(bench: Bench) -> None:
    bench.prober.set(ABC)
    bench.walk(25)
    assert list(bench.prober.answers.steps) == [0, 10, 20]
    for step in (0, 10, 20):
        a, b, nothing = bench.answers(step)
        assert len(a) == len(b) == len(nothing) == 2
        assert all(text.startswith("a") for text in a) and all(text.startswith("b") for text in b)


def test_the_last_step_is_asked_whatever_its_number_and_though_time_is_up(
    words: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ration, "BEGINNING", 1e-9)
    bench = Bench(text_run(words, steps=13), registry)
    bench.prober.set(ABC)
    bench.walk(13)
    assert list(bench.prober.answers.steps) == [0, 13]


def test_the_same_weights_answer_the_same_at_whatever_step(bench: Bench) -> None:
    bench.prober.set(ABC)
    first, later = bench.prober.probe(0), bench.prober.probe(777)
    assert first is not None and later is not None
    assert first.answers == later.answers


def test_each_prompt_and_each_of_its_texts_has_dice_of_its_own(bench: Bench) -> None:
    bench.prober.set(ProbeSet(("", ""), count=5))
    found = bench.prober.probe(0)
    assert found is not None
    one, two = found.answers
    assert len(set(one)) == len(set(two)) == 5 and one != two


def test_two_runs_of_the_same_spec_answer_alike_and_other_weights_do_not(
    spec: RunSpec, registry: Registry
) -> None:
    one, two = Bench(spec, registry), Bench(spec, registry)
    for bench in (one, two):
        bench.prober.set(ABC)
        bench.walk(200)
    assert one.answers(200) == two.answers(200)
    assert one.answers(200) != one.answers(0)


def test_another_seed_has_other_dice(bench: Bench) -> None:
    answers = []
    for seed in (0, 1):
        bench.prober.set(ProbeSet(("", ""), seed=seed, count=5))
        answers.append(bench.prober.probe(0))
    assert answers[0] is not None and answers[1] is not None
    assert answers[0].answers != answers[1].answers


def test_probing_changes_nothing_that_is_learnt(spec: RunSpec, registry: Registry) -> None:
    plain, asked = Bench(spec, registry), Bench(spec, registry)
    asked.prober.set(ProbeSet(("a", ""), every=1, count=3))
    for bench in (plain, asked):
        bench.walk(30)
    assert asked.prober.answers.steps == tuple(range(31))
    assert plain.training.engine.read("weights") == asked.training.engine.read("weights")
    assert plain.training.series.losses == asked.training.series.losses


def test_a_step_whose_answers_are_known_is_not_asked_again(bench: Bench) -> None:
    bench.prober.set(ABC)
    bench.walk(20)
    kept = bench.prober.answers.at(20)
    bench.training.go_to(0)
    bench.walk(20)
    assert bench.prober.answers.at(20) is kept


def test_slow_probes_get_a_share_of_the_time_and_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ration, "BEGINNING", 1e-6)
    bench.prober = Prober(bench.sampler)
    bench.prober.set(ABC)
    assert bench.prober.after(0) is not None
    assert bench.prober.until(0) == NEVER and not bench.prober.due(10)
    bench.prober.earn(3600.0)
    assert bench.prober.until(3) == 7 and bench.prober.due(10)


def test_stretches_of_a_fast_engine_end_where_a_probing_is_due(
    tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.lab.run.training.AT_A_TIME", 60.0)
    registry = load(PluginSources(files=(str(plugins.engine(tmp_path)),), entry_points=False))
    session = Session.open(text_run(words, engine="quick", eval_every=0), registry)
    session.observe(Sampling(every=0))
    session.observe(ProbeSet(("a",), every=7))
    while session.step < 35:
        assert session.advance(35 - session.step)
    assert [answers.step for answers in session.probes().answers] == [0, 7, 14, 21, 28, 35]


def test_prompts_that_the_model_cannot_read_are_named_and_the_rest_are_asked(bench: Bench) -> None:
    bench.prober.set(ProbeSet(("a", "Zoë", "c" * 30, "b")))
    said = [str(skipped) for skipped in bench.prober.skipped]
    assert said[0].startswith("prompt 2, 'Zoë': the model does not know 'Z'")
    assert said[1].startswith("prompt 3, 'ccc") and "it has 30 tokens; at most 7" in said[1]
    bench.walk(1)
    a, unread, too_long, b = bench.answers(0)
    assert a and b and unread == too_long == ()


def test_without_prompts_nothing_is_asked(bench: Bench) -> None:
    bench.walk(20)
    bench.prober.set(ProbeSet(("Zoë",), every=1))
    bench.walk(20)
    assert len(bench.prober.answers) == 0 and bench.prober.until(0) == NEVER


def test_other_questions_void_the_answers_but_asking_oftener_does_not(bench: Bench) -> None:
    bench.prober.set(ABC)
    bench.walk(10)
    assert not bench.prober.set(ProbeSet(ABC.prompts, ABC.seed, 5, ABC.count))
    assert list(bench.prober.answers.steps) == [0, 10]
    assert bench.prober.set(ProbeSet(("a", "c", ""), ABC.seed, 5, ABC.count))
    assert list(bench.prober.answers.steps) == []


def test_a_probe_set_that_cannot_be_is_refused_and_changes_nothing(bench: Bench) -> None:
    bench.prober.set(ABC)
    with pytest.raises(LabError) as caught:
        bench.prober.set(ProbeSet(("a",), every=0))
    assert "every" in caught.value.failure.problems
    assert bench.prober.probes == ABC


def test_a_strategy_that_fails_is_said_and_asked_again_with_another_chain(
    tmp_path: Path, spec: RunSpec
) -> None:
    path = tmp_path / "fragile.py"
    path.write_text(FRAGILE, encoding="utf-8")
    registry = load(PluginSources(files=(str(path),), entry_points=False))
    bench = Bench(spec, registry)
    bench.sampler.set(Sampling(chain=(Link("fragile"),)))
    bench.prober.set(ABC)
    bench.walk(10)
    fragile = registry.contribution("strategy", "fragile").factory
    fragile.broken = True  # type: ignore[attr-defined]
    bench.walk(10)
    assert not bench.prober.asking and bench.prober.until(20) == NEVER, "it is left in peace"
    bench.walk(20)
    assert bench.training.step == 40, "the run goes on"
    assert list(bench.prober.answers.steps) == [0, 10]
    trouble = bench.prober.trouble
    assert trouble is not None and "not asked any more" in trouble.title
    assert "it [b]broke" in trouble.message and "fragile" in trouble.message
    bench.sampler.set(Sampling())
    bench.walk(10)
    assert list(bench.prober.answers.steps) == [0, 10, 40, 50] and bench.prober.trouble is None


def test_weights_that_are_no_numbers_give_no_answers_and_say_so(bench: Bench) -> None:
    bench.prober.set(ABC)
    weights = bench.training.engine.read("weights")
    bench.training.engine.write("weights", type(weights)("d", [float("nan")] * len(weights)))
    assert bench.prober.probe(0) is None
    trouble = bench.prober.trouble
    assert trouble is not None and trouble.kind == "diverged" and "step 0" in trouble.title
    bench.training.engine.write("weights", weights)
    assert bench.prober.probe(0) is not None and bench.prober.trouble is None


def test_a_strategy_is_told_the_prompt_that_is_asked(tmp_path: Path, spec: RunSpec) -> None:
    path = tmp_path / "fragile.py"
    path.write_text(FRAGILE, encoding="utf-8")
    registry = load(PluginSources(files=(str(path),), entry_points=False))
    bench = Bench(spec, registry)
    bench.sampler.set(Sampling(chain=(Link("fragile"),), prompt="cat"))
    bench.prober.set(ProbeSet(("an", "")))
    bench.prober.probe(0)
    fragile = registry.contribution("strategy", "fragile").factory
    an = tuple(bench.sampler.encode_prompt("an"))
    assert fragile.prompts == {an, ()}  # type: ignore[attr-defined]


# ---------------------------------------------------------------- keeping


def answers_at(step: int, *texts: str) -> ProbeAnswers:
    return ProbeAnswers(step, tuple((text,) if text else () for text in texts))


def test_the_answers_of_a_moment_are_the_latest_before_it() -> None:
    kept = Answers([answers_at(10, "x"), answers_at(0, "o"), answers_at(20, "y")])
    assert kept.at(-1) is None
    assert [kept.at(step).step for step in (0, 9, 10, 19, 99)] == [0, 0, 10, 10, 20]  # type: ignore[union-attr]
    assert [one.step for one in kept.between(5, 20)] == [10, 20]
    kept.keep(answers_at(10, "z"))
    assert list(kept.steps) == [0, 10, 20] and kept.at(10) == answers_at(10, "z"), (
        "the newer counts"
    )
    kept.forget_after(10)
    assert list(kept.steps) == [0, 10] and kept.at(99) == answers_at(10, "z")


def test_a_long_run_keeps_the_first_the_newest_and_ever_fewer_between() -> None:
    kept = Answers(most=50)
    for step in range(0, 20_000, 10):
        kept.keep(answers_at(step, "x"))
    steps = kept.steps
    assert len(steps) == 50 and steps[0] == 0 and steps[-1] == 19_990
    gaps = [after - before for before, after in itertools.pairwise(steps)]
    assert max(gaps[-10:]) < min(gaps[:5]), "dense of late, sparse long ago"


def test_of_recent_answers_those_closest_together_go_first_whatever_their_age() -> None:
    kept = Answers(map(answers_at, UNEVEN), most=len(UNEVEN) - 1)
    assert set(UNEVEN) - set(kept.steps) == {900}


# ---------------------------------------------------------------- comparing


def test_a_comparison_shows_each_prompt_with_both_answers() -> None:
    before, after = answers_at(0, "ax", "by", ""), answers_at(10, "ana", "by", "cc")
    ana, by, cc = compare(before, after, ["a", "b", "c"])
    assert ana.changed and ana.pairs == (("ax", "ana"),) and ana.number == 1
    assert by.comparable and not by.changed
    assert not cc.comparable and not cc.changed, "it was not asked before"
    assert summary((ana, by, cc)) == "1 of 2 answers changed"
    assert summary((by, by)) == "all 2 are the same"
    assert summary((cc,)) == "nothing was asked both times"


def test_answers_to_fewer_prompts_leave_the_others_open() -> None:
    changes = compare(answers_at(0), answers_at(1, "ana"), ["a", "b"])
    assert [change.comparable for change in changes] == [False, False]


# ---------------------------------------------------------------- as text and JSON


def test_prompts_stand_one_a_line_and_quotes_hold_what_lines_cannot() -> None:
    text = 'anna\r\n\r\n  spaced \n""\n"a\\nb"\n"open\n'
    assert read_lines(text) == ((1, "anna"), (3, "  spaced "), (4, ""), (5, "a\nb"), (6, '"open'))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=8) | st.sampled_from(['""', '"x"', '"', " ", "\\n", "3"])))
def test_whatever_the_prompts_they_come_back_from_their_lines(prompts: list[str]) -> None:
    assert [prompt for _, prompt in read_lines(write_lines(prompts))] == prompts


def test_a_probe_set_comes_back_from_json() -> None:
    assert ProbeSet.from_dict(json.loads(json.dumps(ABC.to_dict()))) == ABC
    assert ProbeSet.from_dict(["a"]) == ProbeSet(("a",)) == ProbeSet.from_dict({"prompts": ["a"]})


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        (3, "the probe set", "list of prompts"),
        ({"prompts": "anna"}, "prompts", "list of texts"),
        (["a", 7], "prompt 2", "must be text, not 7"),
        ({"prompt": ["a"]}, "'prompt'", "no field"),
        ({"seed": "x"}, "seed", "whole number"),
        ({"every": True}, "every", "whole number"),
        ({"every": 0}, "every", "between 1 and"),
        ({"prompts": ["a"], "count": 501}, "count", "between 1 and 500 for 1 prompt,"),
        (["a"] * 101, "prompts", "are 101; at most 100"),
        (["a", "b" * 2001], "prompt 2", "2,001 characters"),
    ],
)
def test_a_probe_set_that_cannot_be_is_said_by_field(values: object, field: str, said: str) -> None:
    with pytest.raises(ProbeError) as caught:
        ProbeSet.from_dict(values)
    assert said in caught.value.problems[field]
