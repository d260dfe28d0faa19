"""Runs of models that lack parts, and runs by SGD: opened, saved, forked, killed, looked into."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from microgpt.config import PARTS
from microgpt.graph import Graph
from playground.hooks.registry import Registry
from playground.lab.checkpoint import read_checkpoint
from playground.lab.client.lab import Lab
from playground.lab.fork import forked, value_words, why_only_from_start
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.inside import VIEWS, FlowReading, Inside, Look, View
from playground.lab.protocol.step import StepReading
from playground.lab.session import Session
from playground.lab.spec import OPTIMIZER_FIELD, PARTS_FIELD, RunSpec, SpecError
from playground.lab.store.remake import remake
from playground.lab.store.rows import left_out, optimizer
from playground.tui.screens.inside.graph_names import stage_number
from tests.lab import plugins
from tests.lab.conftest import text_run
from tests.lab.crashing import NONE, PATIENT
from tests.lab.record.test_crashes import after_a_kill
from tests.lab.run.test_engines import registry_with
from tests.lab.test_session import losses, walk

BLIND = tuple(part for part in PARTS if part not in ("attention", "norm"))


def lacking(words: Path, parts: tuple[str, ...] = BLIND, **changes: Any) -> RunSpec:
    spec = text_run(words, **changes)
    return spec.replace(
        {PARTS_FIELD: parts, OPTIMIZER_FIELD: "sgd", "optimizer.learning_rate": 0.3}
    )


# ---------------------------------------------------------------- the settings


def test_a_spec_keeps_its_parts_in_one_order_and_as_json(words: Path) -> None:
    spec = lacking(words, ("residual", "mlp", "mlp"))
    assert spec.model.parts == ("mlp", "residual")
    assert json.loads(spec.to_json())["model"]["parts"] == ["mlp", "residual"]
    assert RunSpec.parse(spec.to_json()) == RunSpec.recorded(spec.to_json()) == spec
    with pytest.raises(SpecError, match=r"model\.parts"):
        spec.replace({PARTS_FIELD: ("attention", "heads")})
    with pytest.raises(SpecError, match=r"optimizer\.name"):
        spec.replace({OPTIMIZER_FIELD: "adagrad"})


def test_a_spec_of_before_has_the_whole_model_and_adam(words: Path) -> None:
    values = json.loads(text_run(words).to_json())
    del values["model"]["parts"], values["optimizer"]["name"]
    for spec in (RunSpec.parse(values), RunSpec.recorded(json.dumps(values))):
        assert spec.model.parts == PARTS and spec.optimizer.name == "adam"
    assert (left_out(json.dumps(values)), optimizer(json.dumps(values))) == ("", "adam")


def test_what_a_list_says_of_a_spec(words: Path) -> None:
    text = lacking(words).to_json()
    assert (left_out(text), optimizer(text)) == ("attention, norm", "sgd")
    spaced = json.dumps(json.loads(text), indent=1)
    assert (left_out(spaced), optimizer(spaced)) == ("attention, norm", "sgd")
    for damaged in (None, b"\x00", '{"parts"', '{"model": 3, "parts": "sgd"}', '["parts", "sgd"]'):
        assert (left_out(damaged), optimizer(damaged)) == ("", "adam")


def test_the_command_that_makes_the_run_again_names_parts_and_optimizer(words: Path) -> None:
    found = remake(lacking(words).to_json(), (), from_start=True)
    said = "--leave-out attention --leave-out norm --optimizer sgd --learning-rate 0.3"
    assert found.exact and said in " ".join(found.command.split())


# ---------------------------------------------------------------- runs


def test_the_number_of_parameters_is_that_of_what_is_there(words: Path, registry: Registry) -> None:
    whole = Session.open(text_run(words), registry).info
    blind = Session.open(lacking(words), registry).info
    assert blind.parameter_count == whole.parameter_count - 4 * 8 * 8
    assert not any(".attn_" in matrix.name for matrix in blind.matrices)


@pytest.mark.parametrize("engine", ["vector", "scalar"])
def test_a_run_goes_on_from_its_file_and_back_as_if_nothing_had_happened(
    engine: str, words: Path, registry: Registry, tmp_path: Path
) -> None:
    session = Session.open(lacking(words, engine=engine), registry)
    walk(session, 30)
    path = tmp_path / "run.safetensors"
    session.save(str(path))
    saved = read_checkpoint(path)
    assert dataclasses.replace(saved, epoch=session.checkpoint().epoch) == session.checkpoint()
    assert not any(saved.first_moment) and not any(saved.second_moment)
    again = Session.open(RunSpec.parse(saved.spec), registry, checkpoint=saved)
    walk(session, 20)
    walk(again, 20)
    assert losses(again) == losses(session)
    session.go_to(25)
    session.go_to(50)
    assert losses(session) == losses(again)


def test_scalar_and_vector_take_turns(words: Path, registry: Registry) -> None:
    straight = Session.open(lacking(words), registry)
    walk(straight, 20)
    turns = Session.open(lacking(words), registry)
    for step in range(20):
        turns.use_engine("scalar" if step % 2 else "vector")
        walk(turns, 1)
    assert losses(turns) == pytest.approx(losses(straight), rel=1e-9)


def test_a_fork_leaves_parts_out_at_step_0_and_nowhere_else(
    session: Session, registry: Registry
) -> None:
    walk(session, 20)
    session.go_to(0)
    changes = {PARTS_FIELD: BLIND, OPTIMIZER_FIELD: "sgd"}
    spec, checkpoint = forked(session.checkpoint(), changes)
    assert checkpoint is None
    fork = Session.open(RunSpec.parse(spec), registry)
    walk(fork, 20)
    assert fork.spec.model.parts == BLIND and fork.spec.optimizer.name == "sgd"
    fork.go_to(0)
    wte = session.info.matrices[0].rows * session.info.matrices[0].columns
    # It begins with the weights that the whole model begins with.
    whole, own = (one.training.engine.read("weights")[:wte] for one in (session, fork))
    assert whole == own
    session.go_to(10)
    with pytest.raises(LabError) as caught:
        forked(session.checkpoint(), changes)
    assert caught.value.failure.problems == {
        field: why_only_from_start(field, 10) for field in changes
    }
    assert "first step on, or never" in why_only_from_start(PARTS_FIELD, 10)
    assert why_only_from_start("optimizer.beta1", 10) == ""


def test_what_differs_is_said_in_words() -> None:
    assert value_words(PARTS_FIELD, list(PARTS)) == "the whole model"
    assert value_words(PARTS_FIELD, BLIND) == "without attention, norm"
    assert value_words("seed", None) == "–"


async def test_a_run_whose_worker_is_killed_goes_on_bit_for_bit(
    words: Path, registry: Registry, tmp_path: Path
) -> None:
    straight = Session.open(lacking(words), registry)
    walk(straight, 80)
    lab = Lab(NONE, store=tmp_path / "runs.sqlite", limits=PATIENT)
    try:
        await lab.open(lacking(words).to_json())
        await lab.advance(50)
        there = await after_a_kill(lab)
        await lab.advance(80 - there.step)
        frame = await lab.frame()
    finally:
        await lab.close()
    assert frame.step == 80
    assert list(frame.metrics.losses) == losses(straight)[-len(frame.metrics.losses) :]


# ---------------------------------------------------------------- engines that know the whole alone


def test_an_engine_that_declares_nothing_is_given_whole_models_and_adam(
    words: Path, tmp_path: Path
) -> None:
    registry = registry_with(plugins.engine(tmp_path))
    with pytest.raises(LabError) as caught:
        Session.open(lacking(words, engine="quick"), registry)
    failure = caught.value.failure
    assert failure.title == "The engine 'quick' cannot train this model"
    said = "the engine 'quick' knows no model without attention or norm and no SGD: vector and "
    assert failure.message.startswith(said + "scalar do")
    assert "engine" in failure.problems
    session = Session.open(lacking(words), registry)
    walk(session, 3)
    with pytest.raises(LabError, match="quick"):
        session.use_engine("quick")
    walk(session, 3)
    assert session.frame().engine == "vector", "the run goes on with what it had"
    session = Session.open(text_run(words, engine="quick"), registry)
    walk(session, 3)


# ---------------------------------------------------------------- the microscope


def see(session: Session, view: View, **look: Any) -> Inside:
    return session.look_inside(Look(text="ibis", view=view, **look))


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "step"])
@pytest.mark.parametrize("part", PARTS)
def test_every_view_shows_what_is_there_or_says_what_is_not(
    part: str, view: View, words: Path, registry: Registry
) -> None:
    spec = lacking(words, tuple(one for one in PARTS if one != part))
    inside = see(Session.open(spec, registry), view)
    if (view, part) in (("attention", "attention"), ("neurons", "mlp")):
        assert inside.reading is None
        assert inside.trouble.endswith("was left out of this model: there is nothing to see here.")
    else:
        assert inside.reading is not None and not inside.trouble


@pytest.mark.parametrize("part", PARTS)
def test_the_last_step_of_sgd_is_taken_apart_without_a_memory(
    part: str, words: Path, registry: Registry
) -> None:
    session = Session.open(lacking(words, tuple(one for one in PARTS if one != part)), registry)
    walk(session, 12)
    reading = session.look_inside(Look(view="step")).reading
    assert isinstance(reading, StepReading) and reading.optimizer == "sgd"
    assert reading.check.ratio == pytest.approx(1, abs=1e-6)
    for matrix in reading.matrices:
        if matrix.update:
            assert matrix.memory == 0 and sum(matrix.tokens) == pytest.approx(1)


@pytest.mark.parametrize("left", [(), *((part,) for part in PARTS), ("attention", "residual"),
                                  ("mlp", "residual"), ("norm", "residual")])  # fmt: skip
def test_each_number_of_flow_is_found_in_the_graph(
    left: tuple[str, ...], words: Path, registry: Registry
) -> None:
    spec = lacking(words, tuple(part for part in PARTS if part not in left))
    session = Session.open(spec, registry)
    engine = session.training.engine
    inside = see(session, "flow", position=2)
    tokens = [*(one.id for one in inside.positions), inside.positions[-1].target_id]
    graph = Graph(engine.config, engine.read("weights"), tokens, backward=False)
    assert isinstance(inside.reading, FlowReading)
    heads = 0.0
    for stage in inside.reading.stages:
        name = stage_number(stage, 2, tokens[2], 1, inside.shape.parts)
        if stage.name == "head":
            heads += stage.values[1]
            if stage.head == inside.shape.n_head - 1:
                assert graph.value(graph.find(name)) == pytest.approx(heads, abs=1e-12)
        else:
            assert graph.value(graph.find(name)) == pytest.approx(stage.values[1], abs=1e-12), name
