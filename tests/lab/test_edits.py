"""What was set by hand: each field keeps what was set last after each step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt.surgery import Component, Operation, weights_of
from playground.lab.edits import LONGEST, Edit, Edits, edit_of, operations_in, text_of
from playground.lab.session import Session
from playground.lab.timeline import Timeline
from playground.strict import Refusal

RATE = "optimizer.learning_rate"


def rate(step: int, value: float) -> Edit:
    return Edit(step, "learning_rate", value)


def engine(step: int, name: str) -> Edit:
    return Edit(step, "engine", name)


def test_a_rate_and_an_engine_that_are_set_after_the_same_step_both_hold() -> None:
    for edits in (
        Edits.of((rate(5, 0.02), engine(5, "scalar"))),
        Edits((rate(5, 0.02),)).having(engine(5, "scalar")),
        Edits((engine(5, "scalar"),)).having(rate(5, 0.02)),
        Edits.pairs([(5, 0.02)], [(5, "scalar")]),
    ):
        assert edits.rates == ((5, 0.02),) and edits.engines == ((5, "scalar"),)
        assert edits.rate_at(5, 0.01) == 0.02 and edits.engine_at(5, "vector") == "scalar"
        assert edits.rate_at(4, 0.01) == 0.01 and edits.engine_at(4, "vector") == "vector"


def test_of_two_edits_of_a_field_after_the_same_step_the_later_one_counts() -> None:
    edits = Edits.of((rate(5, 0.02), rate(2, 0.03), rate(5, 0.04)))
    assert edits.rates == ((2, 0.03), (5, 0.04)), "in the order of the steps"
    assert edits.having(rate(5, 0.05)).rates == ((2, 0.03), (5, 0.05))


def test_edits_until_a_step_include_those_made_there() -> None:
    edits = Edits.of((rate(2, 0.03), engine(5, "scalar"), rate(5, 0.02), rate(6, 0.01)))
    assert edits.until(5) == Edits.of((rate(2, 0.03), engine(5, "scalar"), rate(5, 0.02)))
    assert [edits.next_after(step) for step in (0, 2, 5, 6)] == [2, 5, 6, float("inf")]


def test_an_edit_of_a_timeline_keeps_those_before_it_and_drops_those_after() -> None:
    timeline = Timeline(0.01, "vector")
    for edit in (rate(2, 0.03), rate(5, 0.02), rate(9, 0.5), engine(5, "scalar")):
        timeline.edit(edit)
    assert timeline.edits == Edits.of((rate(2, 0.03), rate(5, 0.02), engine(5, "scalar")))


@pytest.mark.parametrize(
    "changes",
    [
        ({RATE: 0.02}, {"engine": "scalar"}),
        ({"engine": "scalar"}, {RATE: 0.02}),
        ({RATE: 0.02, "engine": "scalar"},),
    ],
    ids=["rate first", "engine first", "at once"],
)
def test_a_run_trains_with_both_the_rate_and_the_engine_set_at_a_step(
    session: Session, changes: tuple[dict[str, float | str], ...]
) -> None:
    session.go_to(5)
    for each in changes:
        session.edit(each)
    session.go_to(8)
    for _ in range(2):
        frame = session.frame()
        assert (frame.base_learning_rate, frame.engine) == (0.02, "scalar")
        assert list(frame.metrics.learning_rates)[5:] == pytest.approx(
            [0.02 * (1 - step / 400) for step in (5, 6, 7)]
        )
        session.go_to(4)  # and once more, from the edits that are kept
        session.go_to(8)


# ---------------------------------------------------------------- operations


def surgery(step: int, text: str) -> Edit:
    return Edit(step, "surgery", text)


def hold(step: int, text: str) -> Edit:
    return Edit(step, "hold", text)


numbers = st.floats(allow_nan=False, allow_infinity=False)
operations = st.builds(
    Operation,
    st.one_of(
        st.builds(Component, st.just("head"), st.integers(0, 9), st.integers(0, 9)),
        st.builds(Component, st.just("matrix"), matrix=st.sampled_from(["wte", "layer0.attn_wq"])),
    ),
    st.lists(numbers, min_size=1, max_size=4).map(tuple),
)


@given(st.lists(operations, max_size=4), st.sampled_from(["surgery", "hold"]))
def test_operations_are_read_from_the_record_as_they_were_done_to_the_bit(
    done: list[Operation], field: str
) -> None:
    edit = edit_of(3, field, text_of(done))
    assert operations_in(str(edit.value)) == tuple(done)
    assert str(edit.value) == text_of(operations_in(str(edit.value)))


@pytest.mark.parametrize(
    "text",
    [
        "head:0.1=nan",
        "head:0.1=inf",
        "head:0.1=1e999",
        "head:0.1=1_0",
        "head:0.1=1",  # this program writes 1.0
        "head:0.1;head:0.2",
        " head:0.1",
        "head:0.1; ",
        "head:01.1",
        "matrix:[b]x[/]\x1b[2J",
        "weight:wte[1,2]",
        "weight:wte[1,2]=0.5,0.5",
        "x" * (LONGEST + 1),
        5,
        None,
        b"head:0.1",
    ],
)
@pytest.mark.parametrize("field", ["surgery", "hold"])
def test_a_record_that_this_program_does_not_write_is_refused(field: str, text: object) -> None:
    with pytest.raises(Refusal):
        edit_of(3, field, text)


def test_what_would_be_too_long_to_write_down_is_said() -> None:
    whole = Operation(Component("matrix", matrix="wte"), (0.1234567890123456,) * 60_000)
    with pytest.raises(ValueError, match="all digits of its 60,000 numbers"):
        text_of([whole])


def test_edits_of_weights_are_told_in_words_and_what_was_taken_back_is_not() -> None:
    edits = Edits.of(
        (
            surgery(2, "head:0.2; weight:wte[4,1]=0.5; matrix:wpe=1.0,2.0; neuron:0.3"),
            hold(2, "head:0.2"),
            surgery(5, ""),
            hold(5, "head:0.2"),
            hold(8, ""),
            hold(9, ""),
        )
    )
    assert edits.told() == (
        (2, "head 2 of layer 0 cut, wte[4,1] set to 0.5, wpe put in and 1 more"),
        (2, "held: head 2 of layer 0 at 0"),
        (8, "released: head 2 of layer 0"),
    )
    assert [edits.held_words(step) for step in (1, 2, 7, 8)] == [
        "",
        "head 2 of layer 0",
        "head 2 of layer 0",
        "",
    ]
    assert edits.operated(1) == "" and edits.operated(9).endswith("at step 2")
    assert edits.surgical and not Edits.of((surgery(5, ""), rate(5, 0.1))).surgical


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("", "head:0.1", "released: head 1 of layer 0"),
        ("head:0.2", "head:0.1", "held: head 2 of layer 0 at 0"),
        ("head:0.2", "", "held: head 2 of layer 0 at 0"),
        ("head:0.2", "head:0.2", ""),
    ],
)
@pytest.mark.parametrize("before", ["", "head:0.2"])
def test_a_change_of_what_is_held_is_taken_back_in_words_whatever_was_held_before(
    before: str, was: str, now: str, words: str
) -> None:
    there, then = (Edits.of((hold(3, before), hold(8, one))) for one in (was, now))
    assert there.taken_back(then, 8) == words
    done = Edits.of((*there, surgery(8, "neuron:0.3")))
    assert done.taken_back(then, 8).startswith("neuron 3 of layer 0 cut")


def test_what_is_done_by_hand_lasts_as_the_fields_say(session: Session) -> None:
    session.go_to(5)
    config = session.training.engine.config
    session.surgeon.hold([Operation(Component("head", 0, 1), (0.25,))])
    session.surgeon.operate([Operation(Component("position", index=2))])
    for step, held in ((6, 0.25), (9, 0.25)):
        session.go_to(step)
        weights = session.training.engine.read("weights")
        where = {
            name: [weights[place] for place in weights_of(component, config)]
            for name, component in (
                ("held", Component("head", 0, 1)),
                ("cut", Component("position", index=2)),
            )
        }
        assert set(where["held"]) == {held}, "held at the end of every step"
        assert set(where["cut"]) != {0.0}, "cut once, and then trained"
    session.surgeon.hold([])
    weights = session.training.engine.read("weights")
    assert {weights[place] for place in weights_of(Component("head", 0, 1), config)} == {0.25}
    session.go_to(10)
    weights = session.training.engine.read("weights")
    assert {weights[place] for place in weights_of(Component("head", 0, 1), config)} != {0.25}
