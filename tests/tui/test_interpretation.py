"""The sentence under the losses: each of its cases by example, and the key that takes it away."""

from __future__ import annotations

import dataclasses
import json
import math
from array import array
from collections.abc import Sequence
from typing import Any

import pytest

from playground.lab.protocol.failures import Failure
from playground.lab.protocol.frames import DocumentFrame, Frame, Metrics
from playground.lab.protocol.run import Baseline, RunInfo, SessionState
from playground.lab.protocol.sampling import SampleBatch, SampleText
from playground.lab.spec import RunSpec
from playground.tui.interpretation import interpret, variants
from playground.tui.model import PlaygroundModel
from playground.widths import cell_len
from tests.tui.watched import playing, seen

Evaluation = tuple[int, float, float]
"""Step, held-out loss, standard error."""

LINES = (
    Baseline("uniform", math.log(27)),
    Baseline("unigram", 2.822),
    Baseline("bigram", 2.470),
    Baseline("trigram", 2.242),
)


def model(
    losses: Sequence[float],
    evaluations: Sequence[Evaluation] = (),
    state: SessionState = "running",
    texts: Sequence[SampleText] = (),
    document: DocumentFrame | None = None,
    trouble: Failure | None = None,
    **spec: Any,
) -> PlaygroundModel:
    """The screen's model of a run with these figures; spec: settings by their dotted names."""
    settings: dict[str, Any] = json.loads(RunSpec.parse("{}").to_json())
    for name, value in spec.items():
        part, _, key = name.partition("__")
        if key:
            settings[part][key] = value
        else:
            settings[part] = value
    parsed = RunSpec.parse(json.dumps(settings))
    shown = PlaygroundModel()
    shown.opened(
        RunInfo(
            spec=parsed.to_json(), dataset_title="names", source="", licence="", documents=32469,
            train_documents=29240, heldout_documents=2991 if parsed.holdout else 0, longest=15,
            vocabulary=(*"abcdefghijklmnopqrstuvwxyz", "·"), vocab_size=27, bos_id=26,
            matrices=(), parameter_count=4192, block_size=16, n_head=4, baselines=LINES,
        )
    )  # fmt: skip
    step = len(losses)
    shown.take(
        Frame(
            state=state, step=step, steps=parsed.steps, epoch=0,
            metrics=Metrics(
                1, array("d", losses), array("d", [0.01] * step),
                tuple((at, value) for at, value, _ in evaluations), {},
                tuple((at, error) for at, _, error in evaluations),
            ),
            learning_rate=0.01, base_learning_rate=parsed.optimizer.learning_rate, engine="vector",
            tokens_seen=0, steps_per_second=0, tokens_per_second=0, speed=None, document=document,
            batches=(SampleBatch(1, step, "", tuple(texts)),) if texts else (), trouble=trouble,
            head=step,
        )
    )  # fmt: skip
    return shown


def falling(steps: int, to: float = 2.4) -> list[float]:
    """Losses that fall from 3.3 to a value and stay there."""
    return [to + (3.3 - to) * math.exp(-step / 40) for step in range(steps)]


def start(text: str) -> DocumentFrame:
    losses = tuple(4.5 if letter == "x" else 2.9 for letter in (*text, "·"))
    return DocumentFrame(0, (*text, "·"), losses, (), (), ())


BLIND = "The model knows nothing yet: a blind guess among 27 tokens costs ln 27 = 3.296 nats."


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (model([], state="ready"), BLIND + " space trains, s does a single step."),
        (model([]), BLIND),
        (
            model([3.3, 3.2, 3.1], [(0, 3.33, 0.01)], "paused"),
            "Training has begun: 3.29 nats a token on average; a blind guess costs 3.30. "
            "Held out is measured again at step 100.",
        ),
        (
            model(falling(250), [(0, 3.33, 0.01), (100, 2.75, 0.03), (200, 2.6, 0.03)]),
            "The model beats letter counting (unigram 2.822) since step 100: held out 2.600 ± "
            "0.030. Next: counting pairs (bigram 2.470).",
        ),
        (  # a figure within its error of the line has not beaten it
            model(falling(250), [(0, 3.33, 0.01), (100, 2.8, 0.03), (200, 2.6, 0.03)]),
            "The model beats letter counting (unigram 2.822) since step 200: held out 2.600 ± "
            "0.030. Next: counting pairs (bigram 2.470).",
        ),
        (  # nor has one that was beaten and came back above it
            model(falling(350), [(0, 3.3, 0.0), (100, 2.7, 0.0), (200, 2.9, 0.0), (300, 2.6, 0.0)]),
            "The model beats letter counting (unigram 2.822) since step 300: held out 2.600 ± "
            "0.000. Next: counting pairs (bigram 2.470).",
        ),
        (
            model(falling(150), [(0, 3.33, 0.01), (100, 2.75, 0.03)], tokenizer={"name": "byte"}),
            "The model beats counting tokens (unigram 2.822) since step 100: held out 2.750 ± "
            "0.030. Next: counting pairs (bigram 2.470).",
        ),
        (
            model(falling(150), [(0, 3.33, 0.01), (100, 2.1, 0.03)]),
            "The model beats counting triples (trigram 2.242) since step 100: held out 2.100 ± "
            "0.030.",
        ),
        (
            model(falling(200, 2.3), [(0, 3.3, 0.01), (100, 2.6, 0.03)], "finished", steps=200),
            "Finished. The model beats letter counting (unigram 2.822) since step 100: held out "
            "2.600 ± 0.030. To beat counting pairs (bigram 2.470): more steps or a larger model "
            "(h).",
        ),
        (
            model([3.3] * 200, [(0, 3.33, 0.01), (100, 3.31, 0.03)], "finished", steps=200),
            "Not better than a blind guess (uniform 3.296): held out 3.310 ± 0.030. Worth trying: "
            "more steps, or another learning rate (h).",
        ),
        (
            model([3.3] * 200, state="finished", steps=200, holdout=0.0),
            "Not better than a blind guess (uniform 3.296): the average, 3.300. Worth trying: "
            "more steps, or another learning rate (h).",
        ),
        (
            model([3.3, 3.2] * 50, [(0, 3.33, 0.01), (100, 3.2, 0.01)]),
            "The model beats a blind guess (uniform 3.296) since step 100: held out 3.200 ± 0.010. "
            "Next: letter counting (unigram 2.822).",
        ),
        (  # the average, where nothing is held out
            model([3.0] * 5 + [2.0] * 200, holdout=0.0),
            "The model beats counting triples (trigram 2.242) since step 33: the average, 2.000.",
        ),
    ],
)
def test_where_the_model_stands(shown: PlaygroundModel, said: str) -> None:
    assert interpret(shown, 200) == said


def test_a_step_whose_loss_stands_out_is_explained_by_its_text() -> None:
    shown = model([*falling(100), 4.2], [(0, 3.33, 0.01)], "paused", document=start("maxx"))
    assert interpret(shown, 200).startswith("“maxx” was hard: 4.20 nats a token, 2.62 on average")
    assert "its “x” alone cost 4.50. Texts differ, so the raw loss jumps" in interpret(shown, 200)
    easy = model([*falling(100), 1.2], [(0, 3.33, 0.01)], "paused", document=start("anna"))
    assert interpret(easy, 80).startswith("“anna” was easy: 1.20 nats a token, 2.47 on average")
    # While it trains on, no single step is meant.
    going = model([*falling(100), 4.2], [(0, 3.33, 0.01)], document=start("maxx"))
    assert "maxx" not in interpret(going, 200)


def test_a_line_that_is_worse_than_a_blind_guess_is_no_line_to_beat() -> None:
    shown = model([3.4] * 20, [(0, 3.5, 0.01)])
    assert shown.info is not None
    overfitted = (*LINES[:2], Baseline("bigram", 3.9))
    shown.info = dataclasses.replace(shown.info, baselines=overfitted)
    assert interpret(shown, 200).startswith("Training has begun")


def test_learning_by_heart_is_told_with_what_helps() -> None:
    better = [(0, 3.3, 0.01), (100, 2.5, 0.02), (200, 2.4, 0.02)]
    losses = falling(420, 1.0)
    assert "by heart" not in interpret(model(losses, [*better, (300, 2.43, 0.02)]), 200)
    told = interpret(model(losses, [*better, (300, 2.5, 0.02), (400, 2.7, 0.02)]), 200)
    assert told.startswith(
        "The model learns by heart: held out rose from 2.400 (step 200) to 2.700 while the average "
        "fell."
    )
    # If the training loss rose as well, it has not learnt by heart.
    both = model([*losses[:200], *[2.6] * 220], [*better, (400, 2.7, 0.02)])
    assert "by heart" not in interpret(both, 200)


def test_a_rising_loss_is_laid_to_the_learning_rate() -> None:
    shown = model([*falling(60), *[6.0] * 60], optimizer__learning_rate=0.5)
    assert "a learning rate of 0.5 is too high. b goes back, h lowers it." in interpret(shown, 90)
    failure = Failure("Training diverged", "", kind="diverged",
                      problems={"optimizer.learning_rate": "3 was too high"})  # fmt: skip
    shown = model([], state="failed", trouble=failure)
    assert interpret(shown, 90) == (
        "A learning rate of 3 was too high: h sets a lower one, space goes on."
    )


def test_a_new_text_is_shown_and_untrusted() -> None:
    texts = [
        SampleText("anna", in_data=True, complete=True),
        SampleText("cut", in_data=False, complete=False),
        SampleText("part", in_data=False, complete=True, recited=True),
        SampleText("ka\x1bo", in_data=False, complete=True),
    ]
    shown = model(falling(150), [(0, 3.33, 0.01), (100, 2.75, 0.03)], texts=texts)
    assert "Made up: “ka\\x1bo”." in interpret(shown, 200)


def test_the_sentence_never_takes_more_than_its_width() -> None:
    shown = model(falling(250), [(0, 3.33, 0.01), (100, 2.75, 0.03)],
                  texts=[SampleText("日本日本日本日本日本", False, True)])  # fmt: skip
    forms = list(variants(shown))
    assert [cell_len(one) for one in forms] == sorted(map(cell_len, forms), reverse=True)
    for width in range(140):
        assert cell_len(interpret(shown, width)) <= width
    assert interpret(shown, 90).endswith("Made up: “日本日本日本…”.")  # cut by its cells


def test_a_finished_run_says_what_to_try_in_whatever_room_there_is() -> None:
    shown = model(falling(200, 2.3), [(0, 3.3, 0.01), (100, 2.6, 0.03)], "finished", steps=200)
    beats = "Finished. Beats letter counting"
    assert interpret(shown, 119) == (
        f"{beats}. To beat counting pairs (bigram 2.470): more steps or a larger model (h)."
    )
    assert interpret(shown, 90) == f"{beats} since step 100. Try more steps or a larger model (h)."
    assert interpret(shown, 78) == f"{beats}. Try more steps or a larger model (h)."
    assert interpret(shown, 60) == f"{beats} since step 100."


async def test_k_takes_the_sentence_off_the_screen_and_brings_it_back() -> None:
    async with playing() as (app, pilot):
        await seen(pilot, lambda: app.text("#sentence").startswith("The model knows nothing yet"))
        await pilot.press("k")
        await seen(pilot, lambda: not app.main.query_one("#sentence").display)
    async with playing() as (app, pilot):
        assert not app.main.query_one("#sentence").display, "it is remembered"
        await pilot.press("k")
        await seen(pilot, lambda: app.main.query_one("#sentence").display)
        await pilot.press("space")
        await seen(pilot, lambda: "beats letter counting" in app.text("#sentence").lower())
        assert cell_len(app.text("#sentence")) <= 118
