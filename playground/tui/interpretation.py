"""One sentence that interprets the numbers on screen: where the model stands, and what to try.

The sentence follows from the model of the screen alone. Whoever judges it finds its rules here: a
line is beaten from the step after which every figure lies below it by more than its standard
error; a line above that of a blind guess, as counting has on too few texts, is not told of; the
model learns by heart when the held-out loss has left its lowest figure by two standard
errors while the average went on falling.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from playground.lab.protocol.run import Baseline
from playground.lab.protocol.sampling import SampleBatch
from playground.tui.model import PlaygroundModel
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len
from playground.words import plus_minus

JUMP = 0.6
"""Nats by which a step's loss must differ from the average to be explained."""
RISE = 0.3
"""Nats by which the average must have risen from its lowest value for training to go wrong."""
SETTLED = 10
"""Steps before which the average says nothing."""
UNKNOWN = 0.02
"""The standard error of a hold-out loss for which none is known."""
SHOWN = 14
"""Cells of a document or a sample in the sentence."""

COUNTING = {
    "uniform": ("a blind guess", "a blind guess"),
    "unigram": ("letter counting", "counting tokens"),
    "bigram": ("counting pairs", "counting pairs"),
    "trigram": ("counting triples", "counting triples"),
}
"""What each baseline counts, for letters and for other tokens."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The figure that counts, among the baselines that are measured on the same texts."""

    figure: float
    error: float | None
    """The standard error of the figure; None if it is not known."""
    held_out: bool
    """True for the loss on held-out texts; False for the average of the training loss."""
    beaten: Baseline | None
    """The lowest baseline that is beaten."""
    since: int
    """The step since which it is beaten."""
    next: Baseline | None
    """The highest baseline that is not beaten; None if all are."""

    @property
    def told(self) -> str:
        """The figure in words."""
        return f"{'held out' if self.held_out else 'the average,'} {self.figure:.3f}"


def interpret(model: PlaygroundModel, width: int) -> str:
    """The sentence, in at most `width` cells; "" if there is nothing to say, or no room."""
    return next((text for text in variants(model) if cell_len(text) <= width), "")


def variants(model: PlaygroundModel) -> Iterable[str]:
    """The sentence in its forms, the longest first. Plain text."""
    if model.info is None or model.frame is None or model.opening is not None:
        return ()
    if model.frame.state == "failed":
        return _failed(model)
    if model.rest:
        return ()  # the curves do not reach the step yet
    if not len(model.loss):
        return _untrained(model)
    standing = standing_of(model)
    return _rising(model) or _by_heart(model) or _jump(model) or _among_the_lines(model, standing)


# ---------------------------------------------------------------- where the model stands


def standing_of(model: PlaygroundModel) -> Standing | None:
    """Where the model stands; None before the first figure."""
    assert model.info is not None
    held_out = bool(model.info.heldout_documents)
    curve = model.evaluations if held_out else model.ema
    if not len(curve) or not math.isfinite(curve.ys[-1]):
        return None
    error = model.evaluation_error(curve.xs[-1]) if held_out else None
    lines = model.info.baselines_on(model.frame.evaluated if model.frame else 0)
    blind = next((line.nats for line in lines if line.name == "uniform"), math.inf)
    ordered = sorted((one for one in lines if one.nats <= blind), key=lambda one: -one.nats)
    beaten, following = None, None
    for line in ordered:
        if curve.ys[-1] < line.nats - (error or 0.0):
            beaten = line
        elif following is None:
            following = line
    since = _below_since(curve, beaten.nats - (error or 0.0)) if beaten else 0
    return Standing(curve.ys[-1], error, held_out, beaten, since, following)


def _below_since(curve: Curve, line: float) -> int:
    """The step of the first point after which all points lie below the line."""
    low, high = 0, len(curve)  # all points from `high` on lie below it
    while low < high:
        middle = (low + high) // 2
        extent = curve.extent(middle, high)
        if extent is None or extent[1] < line:
            high = middle
        else:
            low = middle + 1
    return round(curve.xs[high]) if high < len(curve) else 0


# ---------------------------------------------------------------- the sentences


def _failed(model: PlaygroundModel) -> tuple[str, ...]:
    trouble = model.frame.trouble if model.frame else None
    problem = trouble.problems.get("optimizer.learning_rate") if trouble else None
    if problem is None:
        return ()
    return (
        f"The steps were too long for the weights: a learning rate of {problem}. h sets a lower "
        "one, space goes on.",
        f"A learning rate of {problem}: h sets a lower one, space goes on.",
    )


def _untrained(model: PlaygroundModel) -> tuple[str, ...]:
    assert model.info is not None
    size = model.info.vocab_size
    blind = f"a blind guess among {size:,} tokens costs ln {size:,} = {math.log(size):.3f} nats"
    if model.running or model.guided:
        return (
            f"The model knows nothing yet: {blind}.",
            f"The model knows nothing yet: {blind[2:]}.",
            "The model knows nothing yet.",
        )
    return (
        f"The model knows nothing yet: {blind}. space trains, s does a single step.",
        f"The model knows nothing yet: {blind}. space trains.",
        "The model knows nothing yet. space trains, s does a single step.",
    )


def _rising(model: PlaygroundModel) -> tuple[str, ...]:
    """Training that goes wrong: the average is above a blind guess, and far above where it was."""
    assert model.info is not None and model.frame is not None
    if len(model.ema) < SETTLED:
        return ()
    extent = model.ema.extent(SETTLED // 2, len(model.ema))
    now, blind = model.ema.ys[-1], math.log(model.info.vocab_size)
    if extent is None or now < blind or now < extent[0] + RISE:
        return ()
    rate = f"{model.frame.base_learning_rate:.3g}"
    return (
        f"The average rose from {extent[0]:.2f} to {now:.2f}, worse than a blind guess "
        f"({blind:.2f}): the learning rate {rate} is too high. b goes back, h lowers it.",
        f"The loss rises: a learning rate of {rate} is too high. b goes back, h lowers it.",
    )


def _by_heart(model: PlaygroundModel) -> tuple[str, ...]:
    """Overfitting: held-out texts got worse by two standard errors, the training texts better."""
    curve = model.evaluations
    extent = curve.extent(0, len(curve))
    if len(curve) < 3 or not len(model.ema) or extent is None:
        return ()
    lowest, last = extent[0], curve.ys[-1]
    step = round(curve.xs[curve.ys.index(lowest)])
    error = model.evaluation_error(curve.xs[-1])
    then = model.ema.value_at(step)
    far = 2 * (UNKNOWN if error is None else error)
    if not last > lowest + far or then is None or model.ema.ys[-1] >= then:
        return ()
    rose = f"held out rose from {lowest:.3f} (step {step:,}) to {last:.3f}"
    return (
        f"The model learns by heart: {rose} while the average fell. More text (d), a smaller "
        "model (h) or fewer steps.",
        f"The model learns by heart: {rose}. More text (d) or fewer steps (h).",
        f"The model learns by heart since step {step:,}. More text (d) or fewer steps (h).",
    )


def _jump(model: PlaygroundModel) -> tuple[str, ...]:
    """Why the loss of this step stands out, where somebody looks at a single step."""
    frame = model.frame
    if frame is None or frame.state != "paused" or len(model.loss) < SETTLED:
        return ()
    document, loss, mean = frame.document, model.loss.ys[-1], model.ema.ys[-1]
    batch = model.spec["batch_size"]
    if document is None or not document.losses or batch > 1 or not abs(loss - mean) > JUMP:
        return ()
    text = "".join(document.tokens if document.beyond else document.tokens[:-1])
    name = fit(visible(text), SHOWN).rstrip()
    worst = max(range(len(document.losses)), key=lambda i: document.losses[i])
    token = visible(document.tokens[worst], spaces=True)
    kind = "hard" if loss > mean else "easy"
    said = f"“{name}” was {kind}: {loss:.2f} nats a token, {mean:.2f} on average"
    if loss > mean:
        return (
            f"{said}; its “{token}” alone cost {document.losses[worst]:.2f}. Texts differ, so the "
            "raw loss jumps; ema is the line to watch.",
            f"{said}. Texts differ, so the raw loss jumps.",
            f"{said}.",
        )
    return (
        f"{said}. Texts differ, so the raw loss jumps; ema is the line to watch.",
        f"{said}. Texts differ, so the raw loss jumps.",
        f"{said}.",
    )


def _among_the_lines(model: PlaygroundModel, standing: Standing | None) -> tuple[str, ...]:
    assert model.info is not None and model.frame is not None
    if standing is None or standing.beaten is None:
        return _begun(model, standing)
    new = _made_up(model.texts)
    told = standing.told
    exact = told + plus_minus(standing.error)
    after = _advice(model, standing)
    since = f"since step {standing.since:,}"
    head = f"The model beats {_line(model, standing.beaten)} {since}"
    brief = f"Beats {_counting(model, standing.beaten)} {since}"
    name = f"Made up: “{new}”." if new else ""
    trying = "more steps or a larger model (h)" if standing.next else "a text of your own (d)"
    if model.frame.state == "finished":
        return tuple(
            " ".join(part for part in one if part)
            for one in (
                (f"Finished. {head}: {exact}.", after, name),
                (f"Finished. {head}: {told}.", after),
                (f"Finished. {brief}: {told}.", after),
                (f"Finished. {brief}.", after),
                (f"Finished. {brief.removesuffix(f' {since}')}.", after),
                (f"Finished. {brief}.", f"Try {trying}."),
                (f"Finished. {brief.removesuffix(f' {since}')}.", f"Try {trying}."),
                (f"Finished. {brief}: {told}.",),
                (f"Finished. {brief}.",),
            )
        )
    parts = (
        (f"{head}: {exact}.", name, after),
        (f"{head}: {told}.", name, after),
        (f"{brief}: {told}.", name, after),
        (f"{brief}: {told}.", name),
        (f"{brief}: {standing.figure:.3f}.", name),
        (f"{brief}.", name),
        (f"{brief}.",),
    )
    return tuple(" ".join(part for part in one if part) for one in parts)


def _begun(model: PlaygroundModel, standing: Standing | None) -> tuple[str, ...]:
    """What the average says before the model beats any line."""
    assert model.info is not None and model.frame is not None
    blind = f"a blind guess costs {math.log(model.info.vocab_size):.2f}"
    average = f"{model.ema.ys[-1]:.2f} nats a token on average; {blind}."
    if standing is None:
        return (f"Training has begun: {average}",)
    following = model.frame.step + 1
    if standing.held_out:
        following = round(model.evaluations.xs[-1]) + int(model.spec["eval_every"])
    if model.frame.state == "finished" or following > model.frame.steps:
        line = f" than {_line(model, standing.next)}" if standing.next else ""
        return (
            f"Not better{line}: {standing.told}{plus_minus(standing.error)}. Worth trying: more "
            "steps, or another learning rate (h).",
            f"Not better{line}: {standing.told}.",
        )
    if not standing.held_out:
        return (f"Training has begun: {average}",)
    return (
        f"Training has begun: {average} Held out is measured again at step {following:,}.",
        f"Training has begun: {average}",
    )


def _advice(model: PlaygroundModel, standing: Standing) -> str:
    """What comes next, or what is worth trying once all steps are done."""
    assert model.frame is not None
    line = standing.next
    if model.frame.state != "finished":
        return f"Next: {_line(model, line)}." if line else ""
    if line is None:
        return "Worth trying: a text of your own (d)."
    return f"To beat {_line(model, line)}: more steps or a larger model (h)."


def _made_up(batches: Iterable[SampleBatch]) -> str:
    """The newest sample that is whole and stands nowhere in the data; "" if there is none."""
    for batch in batches:
        for text in batch.texts:
            if text.complete and text.mark == "new" and len(text.text.strip()) > 2:
                return fit(visible(text.text), SHOWN).rstrip()
    return ""


def _counting(model: PlaygroundModel, line: Baseline) -> str:
    letters = model.spec["tokenizer"]["name"] in ("char", "builtin:char")
    of_letters, of_tokens = COUNTING.get(line.name, ("", ""))
    return (of_letters if letters else of_tokens) or line.name


def _line(model: PlaygroundModel, line: Baseline) -> str:
    """A baseline by what it counts and by its label on the chart."""
    return f"{_counting(model, line)} ({line.name} {line.nats:.3f})"
