"""The runs that lessons are tried on are like those of the lab."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence

import pytest

from playground.api import LessonFacts, LookFact
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.lessons import reading
from playground.lab.protocol.lessons import MOST_WORDS, LessonPlace
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.testing import lessons, walking
from playground.testing.taught import NAMES, SPEC, Taught, runs_of, settings

ALL = runs_of({}, few=False)


@pytest.fixture(scope="module")
def of_the_lab(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, float], LessonFacts]:
    """Facts of the lab on the same names, by the step and the share that is held out."""
    path = tmp_path_factory.mktemp("lab") / "names.txt"
    path.write_text("\n".join(NAMES) + "\n", encoding="utf-8")
    data = {"name": "text-file", "options": {"path": str(path)}}
    registry = load(PluginSources(entry_points=False))
    found = {}
    for share in (0.1, 0.0):
        session = Session.open(RunSpec.parse({"dataset": data, "holdout": share}), registry)
        for step in (0, 1):
            session.go_to(step)
            teacher = session.teacher
            found[step, share] = teacher._maker.facts(LessonPlace("a:b", 0, 0))
    return found


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("share", [0.1, 0.0])
def test_made_up_facts_are_of_the_same_make_as_those_of_the_lab(
    of_the_lab: dict[tuple[int, float], LessonFacts], step: int, share: float
) -> None:
    theirs = of_the_lab[step, share]
    run = Taught("on names", NAMES, {} if share else {"holdout": 0.0})
    mine = run.facts(run.times.index(step), 0, {})
    for field in dataclasses.fields(LessonFacts):
        one, other = getattr(mine, field.name), getattr(theirs, field.name)
        for kind in (str, int, Sequence, Mapping):
            assert isinstance(one, kind) == isinstance(other, kind), field.name
        if isinstance(other, Sequence | Mapping):
            assert bool(one) == bool(other), field.name
    for name in ("vocabulary", "bos", "config", "shapes", "furthest", "began"):
        assert getattr(mine, name) == getattr(theirs, name), name
    assert {**mine.spec, "dataset": 0} == {**theirs.spec, "dataset": 0}
    assert mine.baselines.keys() == theirs.baselines.keys()
    assert len(mine.documents) == len(theirs.documents)
    assert mine.encode("anna") == theirs.encode("anna")
    for state in ("weights", "gradients", "first_moment"):
        assert len(mine.read(state)) == len(theirs.read(state))  # type: ignore[arg-type]
    assert len(mine.gradient("anna")) == len(theirs.gradient("anna"))
    assert mine.anatomy("anna").targets == theirs.anatomy("anna").targets
    assert mine.losses[:1] == pytest.approx(theirs.losses[:1], rel=0.1)


@pytest.mark.parametrize("run", ALL, ids=[run.words for run in ALL])
def test_the_facts_of_a_moment_agree_with_each_other(run: Taught) -> None:
    for place, step in enumerate(run.times):
        facts = run.facts(place, 0, {}, done=True)
        assert (facts.step, len(facts.losses), len(facts.learning_rates)) == (step, step, step)
        assert all(map(math.isfinite, facts.losses))
        assert facts.furthest == (facts.steps if run.back else step)
        assert bool(facts.heldout) == bool(run.parts[1])
        assert facts.baselines.keys() == {"uniform", "unigram", "bigram", "trigram"}
        assert len(facts.document) == len(run.encode(run._states[place].text)) - 1
        assert len(facts.token_losses) == (len(facts.document) if step else 0)
        if step:
            mean = sum(facts.token_losses) / len(facts.token_losses)
            assert facts.losses[-1] == pytest.approx(mean)
        assert isinstance(facts.looks[0], LookFact) and facts.trials and len(facts.samples) == 2


def test_the_runs_are_odd_in_the_ways_that_matter() -> None:
    sizes = {len(run.facts(0, 0, {}).vocabulary) for run in ALL}
    assert min(sizes) == 3 and max(sizes) > 80
    assert any(len(run.parts[0]) == 1 for run in ALL)
    assert any(len(run.parts[0]) > 1 and not run.parts[1] for run in ALL)
    assert len({run.config.n_embd for run in ALL}) > 1
    assert any(run.back for run in ALL) and any(run.begins for run in ALL)


def test_the_usual_settings_and_the_limits_are_those_of_the_lab() -> None:
    assert json.loads(RunSpec().to_json()) == SPEC == settings({})
    assert (lessons.WORDS, lessons.STEPS[1]) == (MOST_WORDS, reading.MOST_STEPS)
    assert (lessons.TITLE, walking.CHOICES[1]) == (reading.MOST_TITLE, reading.MOST_CHOICES)
    assert (lessons.CHOICE, walking.LABELS[1]) == (reading.MOST_CHOICE, reading.MOST_LABELS)
    assert (lessons.LABEL, lessons.POINTS[1]) == (reading.MOST_LABEL, reading.MOST_POINTS)


def test_the_settings_of_a_lesson_are_those_of_its_runs() -> None:
    runs = runs_of({"model.n_layer": 2, "optimizer.name": "sgd", "steps": 7}, few=True)
    assert [run.config.n_layer for run in runs] == [2, 2, 2]
    assert {run.optimizer.name for run in runs} == {"sgd"}
    assert runs[0].times == (0, 1, 2, 7)
    with pytest.raises(KeyError):
        runs_of({"model.layers": 2}, few=True)


def test_where_few_runs_are_tried_only_the_first_has_the_size_of_the_lesson() -> None:
    few = runs_of({"steps": 100}, few=True)
    assert [run.words for run in few] == [run.words for run in runs_of({"steps": 100}, False)[:3]]
    assert [run.config.n_embd for run in few] == [16, 8, 8]


def test_a_gradient_that_a_lesson_changes_is_another_one_the_next_time() -> None:
    facts = ALL[1].facts(0, 0, {})
    before = facts.gradient(None)
    changed = facts.gradient(None)
    changed[0] += 1.0
    assert facts.gradient(None) == before != changed
