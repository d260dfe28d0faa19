"""What the microscope tells of a run: true numbers, inside the text and the model, at any step."""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from unittest.mock import Mock

import pytest

from microgpt.anatomy import Anatomy, dissect, lens
from microgpt.trace import source_of
from playground.hooks.registry import Registry
from playground.lab.inside import look as look_module
from playground.lab.inside import step as step_module
from playground.lab.protocol.inside import (
    MEAN,
    VIEWS,
    AttentionReading,
    CreditReading,
    DepthReading,
    FlowReading,
    Inside,
    Look,
    NeuronsReading,
    NumberReading,
    View,
)
from playground.lab.session import Session
from tests.lab.conftest import MakeLab, text_run

OF_ANY_TEXT = VIEWS[:-1]
"""All views but Step, which is about the document of the last step."""


def anatomy_of(session: Session, text: str) -> Anatomy:
    """What `dissect` makes of a text, from the weights as they are."""
    vocabulary = {token: i for i, token in enumerate(session.info.vocabulary)}
    bos = session.info.bos_id
    ids = [bos, *(vocabulary[letter] for letter in text), bos]
    config = session.training.engine.config
    return dissect(config, session.training.engine.read("weights"), ids[: config.block_size + 1])


def test_the_probabilities_and_losses_are_those_of_the_engine(session: Session) -> None:
    session.advance(50)
    shown = session.look_inside(Look(text="otter"))
    own = anatomy_of(session, "otter")
    losses = session.training.engine.losses([[*own.tokens, own.targets[-1]]])[0]
    assert [p.loss for p in shown.positions] == pytest.approx(losses, abs=1e-12)
    assert [p.probability for p in shown.positions] == pytest.approx(
        [math.exp(-loss) for loss in losses], abs=1e-12
    )
    assert [p.token for p in shown.positions] == ["·", *"otter"]
    assert [p.target for p in shown.positions] == [*"otter", "·"]


def test_attention_is_that_of_the_heads_and_the_cell_adds_up(session: Session) -> None:
    session.advance(50)
    look = Look("attention", "otter", position=4, head=1, source=2)
    own, shown = anatomy_of(session, "otter"), session.look_inside(look)
    reading = shown.reading
    assert isinstance(reading, AttentionReading)
    assert reading.heads == tuple(tuple(map(tuple, rows)) for rows in own.layers[0].attn_weights)
    assert all(rows[0] == (1.0,) for rows in reading.heads), "position 0 reads itself"
    cell = reading.cell
    products = [q * k for q, k in zip(cell.query, cell.key, strict=True)]
    assert math.isclose(cell.dot, sum(products), abs_tol=1e-12)
    assert math.isclose(cell.score, cell.dot / math.sqrt(4), abs_tol=1e-12)
    assert cell.weight == reading.heads[1][4][2]


def test_the_pushes_of_all_heads_are_those_of_credit(session: Session) -> None:
    session.advance(50)
    look = Look("attention", "otter", position=3, measure="push")
    heads = session.look_inside(look).reading
    credit = session.look_inside(Look("credit", "otter", position=3)).reading
    assert isinstance(heads, AttentionReading) and isinstance(credit, CreditReading)
    for part in credit.parts:
        if part.kind == "head":
            assert part.value == pytest.approx(heads.heads[part.index][3][part.source], abs=1e-12)


@pytest.mark.parametrize("against", [None, 3, MEAN])
def test_credit_adds_up_to_the_logit(session: Session, against: int | None) -> None:
    session.advance(50)
    reading = session.look_inside(Look("credit", "otter", position=2, against=against)).reading
    assert isinstance(reading, CreditReading)
    own = anatomy_of(session, "otter")
    row, probs = own.logits[2], own.probs[2]
    other = (
        0.0
        if against is None
        else row[3]
        if against == 3
        else math.fsum(p * logit for p, logit in zip(probs, row, strict=True))
    )
    assert reading.logit == pytest.approx(row[own.targets[2]] - other, abs=1e-9)
    assert math.fsum(part.value for part in reading.parts) + reading.rest == pytest.approx(
        reading.logit, abs=1e-9
    )
    assert reading.token == "t" and "token 't'" in [part.name for part in reading.parts]


def test_the_last_stage_of_depth_is_what_the_model_says(session: Session) -> None:
    session.advance(50)
    shown = session.look_inside(Look("depth", "otter"))
    reading = shown.reading
    assert isinstance(reading, DepthReading) and reading.stages[-1] == "layer 0 mlp"
    for cell, position in zip(reading.cells[-1], shown.positions, strict=True):
        assert cell.target_probability == pytest.approx(position.probability, abs=1e-12)
        assert (cell.best, cell.probability) == (position.best, position.best_probability)
    own = anatomy_of(session, "otter")
    first = lens(own, own.x)[0][own.targets[0]]
    assert reading.cells[0][0].target_probability == pytest.approx(first, abs=1e-12)


def test_a_neuron_is_opened_with_what_wakes_it_and_the_documents_that_fire_it(
    session: Session,
) -> None:
    session.advance(50)
    reading = session.look_inside(Look("neurons", "otter", neuron=5)).reading
    assert isinstance(reading, NeuronsReading) and reading.opened is not None
    assert len(reading.activations) == 32 and len(reading.activations[0]) == 6
    fires = reading.opened.fires
    assert fires == tuple(sorted(fires, key=lambda one: -one[2]))
    for text, position, activation in fires:
        row = anatomy_of(session, text).layers[0].activation[position]
        assert row[5] == pytest.approx(activation, abs=1e-12)
    weights = anatomy_of(session, "otter").weights
    token, value = reading.opened.promotes[0]
    row = weights["lm_head"][session.info.vocabulary.index(token)]
    writes = [column[5] for column in weights["layer0.mlp_fc2"]]
    assert value == pytest.approx(sum(u * w for u, w in zip(row, writes, strict=True)), abs=1e-12)


def test_going_back_shows_other_numbers_and_forward_the_same(session: Session) -> None:
    session.advance(30)
    while session.step < 30:
        session.advance(30 - session.step)

    def seen() -> list[Inside]:
        return [session.look_inside(Look(view, "otter", neuron=1)) for view in OF_ANY_TEXT]

    late = [(one.positions, one.reading) for one in seen()]
    session.go_to(10)
    early = [(one.positions, one.reading) for one in seen()]
    session.go_to(30)
    assert [(one.positions, one.reading) for one in seen()] == late
    assert all(a != b for a, b in zip(early, late, strict=True))
    session.go_to(10)
    assert session.look_inside(Look()).step == 10


def test_looking_changes_nothing(registry: Registry, words: Path) -> None:
    one, other = (Session.open(text_run(words), registry) for _ in range(2))
    for _ in range(2):
        one.advance(1)
        other.advance(1)
        for view in OF_ANY_TEXT:
            one.look_inside(Look(view, neuron=0))
    assert one.training.engine.read("weights") == other.training.engine.read("weights")


@pytest.mark.parametrize("view", OF_ANY_TEXT)
def test_a_look_beyond_the_text_and_the_model_is_brought_inside(
    session: Session, view: View
) -> None:
    look = Look(view, "ant", 99, 9, 9, 99, "size", 999, 999, 999)
    shown = session.look_inside(look).look
    assert (shown.position, shown.layer, shown.head, shown.source) == (3, 0, 1, 3)
    assert shown.neuron == 31 and shown.against is None
    assert shown.token == session.info.bos_id


def test_texts_that_are_empty_unknown_or_too_long_are_told(session: Session) -> None:
    empty = session.look_inside(Look(text=""))
    assert len(empty.positions) == 1 and isinstance(empty.reading, FlowReading)
    unknown = session.look_inside(Look(text="anté"))
    assert unknown.reading is None and "'é'" in unknown.trouble
    whole = session.look_inside(Look(text="antantan"))
    assert (len(whole.positions), whole.cut, whole.notices) == (8, 0, ())
    long = session.look_inside(Look(text="antantantant"))
    assert (len(long.positions), long.cut) == (8, 4)
    assert "context is 8 tokens" in long.notices[0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_model_that_diverged_is_told_in_every_view(session: Session, value: float) -> None:
    count = len(session.training.engine.read("weights"))
    session.training.engine.write("weights", array("d", [value]) * count)
    for view in OF_ANY_TEXT:
        for measure in ("weight", "size", "push"):
            shown = session.look_inside(Look(view, "otter", neuron=0, measure=measure))
            assert "not finite" in shown.notices[0] and shown.reading is not None


def test_a_number_is_opened_by_name_or_as_the_look_says_which(session: Session) -> None:
    loss = session.look_inside(Look("number", "otter"))
    assert isinstance(loss.reading, NumberReading) and loss.reading.nodes[0].name == "loss"
    assert loss.look.node == loss.reading.nodes[0].node
    letter = session.look_inside(Look("number", "otter", name="wte['t'][1]"))
    assert isinstance(letter.reading, NumberReading)
    assert letter.reading.nodes[0].matrix == "wte" and len(letter.reading.users) == 2, "two t"
    wrong = session.look_inside(Look("number", "otter", name="q layer 7 position 0 [0]"))
    assert wrong.reading is None and "no number called 'q layer 7" in wrong.trouble
    assert len(wrong.positions) == 6


def test_a_model_too_large_for_a_view_is_told_with_how_many_numbers_it_would_have(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microgpt.trace.LARGEST", 1_000)
    for view in OF_ANY_TEXT:
        shown = session.look_inside(Look(view, "otter"))
        large = view in ("lines", "number")
        assert (shown.reading is None) == large == ("There would be about" in shown.trouble)


def test_an_engine_installed_without_its_source_is_told(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    source_of.cache_clear()
    monkeypatch.setattr("inspect.getsourcelines", Mock(side_effect=OSError))
    for view in ("lines", "number"):
        shown = session.look_inside(Look(view, "otter"))  # type: ignore[arg-type]
        assert shown.reading is None and "not installed here" in shown.trouble


async def test_the_lab_answers_while_it_trains(labs: MakeLab, words: Path) -> None:
    lab = labs().lab
    await lab.open(text_run(words, steps=100_000).to_json())
    await lab.run()
    steps = [(await lab.look_inside(Look("attention"))).step for _ in range(3)]
    assert steps == sorted(steps)
    await lab.pause()
    last = await lab.look_inside(Look("attention", "owl"))
    assert last.step >= steps[-1] and last.text == "owl" and last.reading is not None


def test_of_a_large_model_the_first_tokens_of_a_text_are_taken_apart(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.advance(3)
    whole = session.look_inside(Look(text="otter"))
    monkeypatch.setattr(look_module, "MOST_WORK", 3 * session.info.parameter_count)
    part = session.look_inside(Look(text="otter"))
    assert part.positions == whole.positions[:3] and part.cut == len(whole.positions) - 3
    assert "only the first 3 tokens" in part.notices[0]


def test_a_step_of_a_large_model_is_not_taken_apart_and_says_why(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.advance(1)
    session.advance(1)
    monkeypatch.setattr(step_module, "MOST_NUMBERS", 1000)
    shown = session.look_inside(Look(view="step"))
    assert shown.reading is None and "number by number" in shown.trouble
    assert session.step == 2
