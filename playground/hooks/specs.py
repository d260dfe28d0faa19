"""The hooks. Each *declares* contributions; the objects that their factories make do the work.

A hook takes no arguments and yields (or returns a list of) `Contribution`s. It must be quick, and
must not fail for want of a network or a heavy library: a factory imports what is heavy.
"""

from __future__ import annotations

from collections.abc import Iterable

from playground.api import (
    Contribution,
    Dataset,
    Engine,
    Exporter,
    Lesson,
    Metric,
    Panel,
    Schedule,
    Strategy,
    Tokenizer,
    Writer,
    hookspec,
)
from playground.catalog import HOOKS

__all__ = ["HOOKS"]


@hookspec
def microgpt_tokenizers() -> Iterable[Contribution[Tokenizer]]:
    """Ways to cut text into tokens. The factory makes a `Tokenizer`.

    A complete plugin:

        from playground.api import Contribution, UnknownTextError, hookimpl

        class VowelTokenizer:
            '''Vowels are letters of their own; BOS is 5.'''

            vocab_size = 6
            bos_id = 5

            def train(self, documents):
                pass

            def encode(self, text):
                ids = []
                for place, letter in enumerate(text):
                    if letter not in "aeiou":
                        raise UnknownTextError(text, place)
                    ids.append("aeiou".index(letter))
                return ids

            def decode(self, ids):
                return "".join("aeiou"[i] for i in ids if i != self.bos_id)

            def display(self, token_id):
                return "·" if token_id == self.bos_id else "aeiou"[token_id]

            def state_dict(self):
                return {}

            def load_state_dict(self, state):
                pass

        @hookimpl
        def microgpt_tokenizers():
            yield Contribution(
                name="vowels", summary="a, e, i, o, u", factory=VowelTokenizer
            )
    """
    raise NotImplementedError


@hookspec
def microgpt_datasets() -> Iterable[Contribution[Dataset]]:
    """Streams of documents. The factory makes a `Dataset`; its `prepare` reads files and uses the
    network, and raises a `DatasetError` that says what is wrong with them.

    A complete plugin:

        from playground.api import Contribution, Knob, Knobs, Provenance, hookimpl

        class SquaresKnobs(Knobs):
            count: int = Knob(100, ge=1, le=10000, help="how many numbers to square")

        class Squares:
            def __init__(self, knobs):
                self.size = knobs.count

            @property
            def provenance(self):
                return Provenance(source="computed", licence="public domain")

            def prepare(self, cache, progress):
                pass

            def documents(self):
                for number in range(1, self.size + 1):
                    yield f"{number}*{number}={number * number}"

            def count(self):
                return self.size

        @hookimpl
        def microgpt_datasets():
            yield Contribution(
                name="squares",
                summary="1*1=1, 2*2=4, 3*3=9 ...",
                factory=Squares,
                knobs=SquaresKnobs,
            )
    """
    raise NotImplementedError


@hookspec
def microgpt_sampling_strategies() -> Iterable[Contribution[Strategy]]:
    """Links in the chain from logits to the next token. The factory makes an object with
    `transform(logits, context)` (logits in, logits out) or with `pick(probs, context)` (the
    last link, which chooses).

    A complete plugin:

        import math

        from playground.api import Contribution, Knob, Knobs, hookimpl

        class NoRepeatKnobs(Knobs):
            last: int = Knob(1, ge=0, le=16, neutral=0, help="tokens that may not come again")

        class NoRepeat:
            def __init__(self, knobs):
                self.last = knobs.last

            def transform(self, logits, context):
                given = context.tokens[1:]  # without BOS, which must stay possible
                barred = set(given[-self.last :]) if self.last else set()
                left = [
                    -math.inf if token in barred else logit
                    for token, logit in enumerate(logits)
                ]
                return left if max(left) > -math.inf else logits  # one token must stay

        @hookimpl
        def microgpt_sampling_strategies():
            yield Contribution(
                name="no-repeat",
                summary="never the same token again at once",
                factory=NoRepeat,
                knobs=NoRepeatKnobs,
            )
    """
    raise NotImplementedError


@hookspec
def microgpt_engines() -> Iterable[Contribution[Engine]]:
    """Ways to do the arithmetic. The factory is an `EngineFactory`, called with the shapes,
    the optimizer's constants and the first weights; engines have no knobs.

    A complete plugin:

        from microgpt.scalar_engine import ScalarEngine
        from playground.api import Contribution, hookimpl

        class CountingEngine(ScalarEngine):
            '''The reference engine, which knows how often it was updated.'''

            updates = 0

            def adam_step(self, learning_rate, step):
                super().adam_step(learning_rate, step)
                self.updates += 1

        @hookimpl
        def microgpt_engines():
            yield Contribution(
                name="counting", summary="scalar, counts its updates", factory=CountingEngine
            )
    """
    raise NotImplementedError


@hookspec
def microgpt_schedules() -> Iterable[Contribution[Schedule]]:
    """Ways for the learning rate to change over a run. The factory makes an object whose
    `factor(step, steps)` multiplies the base learning rate.

    A complete plugin:

        from playground.api import Contribution, Knob, Knobs, hookimpl

        class StairsKnobs(Knobs):
            stairs: int = Knob(4, ge=1, le=20, help="how many times it is halved")

        class Stairs:
            def __init__(self, knobs):
                self.stairs = knobs.stairs

            def factor(self, step, steps):
                return 0.5 ** (step * (self.stairs + 1) // steps)

        @hookimpl
        def microgpt_schedules():
            yield Contribution(
                name="stairs",
                summary="halved again and again",
                factory=Stairs,
                knobs=StairsKnobs,
            )
    """
    raise NotImplementedError


@hookspec
def microgpt_metrics() -> Iterable[Contribution[Metric]]:
    """Numbers drawn as series beside the loss. The factory makes an object with
    `of_step(step)`, the number of a step, or with `of_samples(samples)`, the number of a batch
    of sampled texts; either gives None where there is no number.

    A complete plugin:

        from playground.api import Contribution, hookimpl

        class WorstSurprise:
            def of_step(self, step):
                return max(max(losses) for losses in step.token_losses)

        @hookimpl
        def microgpt_metrics():
            yield Contribution(
                name="worst-surprise",
                summary="the token that the step foresaw least, in nats",
                factory=WorstSurprise,
            )
    """
    raise NotImplementedError


@hookspec
def microgpt_panels() -> Iterable[Contribution[Panel]]:
    """Pictures of the run. The factory makes an object with `render(facts, width, height)`,
    which gives lines of plain text. The object draws in the run's own process, never in the
    screen's.

    A complete plugin:

        from playground.api import Contribution, hookimpl

        class Countdown:
            def render(self, facts, width, height):
                left = facts.steps - facts.step
                bar = "#" * (width * facts.step // facts.steps)
                return [f"{left:,} steps to go", bar][:height]

        @hookimpl
        def microgpt_panels():
            yield Contribution(
                name="countdown", summary="how far it is to the end", factory=Countdown
            )
    """
    raise NotImplementedError


@hookspec
def microgpt_exporters() -> Iterable[Contribution[Exporter]]:
    """Ways to take a run elsewhere. The factory makes an object with
    `export(run, path, progress)`, which writes a file or a folder.

    A complete plugin:

        import json

        from playground.api import Contribution, hookimpl

        class LossList:
            def export(self, run, path, progress):
                path.write_text(json.dumps(list(run.losses)), encoding="utf-8")

        @hookimpl
        def microgpt_exporters():
            yield Contribution(
                name="loss-list", summary="the losses as a JSON list", factory=LossList
            )
    """
    raise NotImplementedError


@hookspec
def microgpt_lessons() -> Iterable[Contribution[Lesson]]:
    """Lessons of the tour. The factory makes a `Lesson`: steps that tell, give a task, or ask for
    a prediction, whose answer is computed from the run.

    A complete plugin:

        import math

        from playground.api import Contribution, Do, Lesson, Number, Tell, hookimpl

        def first_loss():
            return Lesson(
                title="The first loss",
                minutes=2,
                steps=[
                    Tell("The loss says how surprised the model is by its text.", at="loss"),
                    Number(
                        "Nothing is learnt yet. How large will the first loss be, in nats?",
                        answer=lambda facts: facts.losses[0],
                        within=0.05,
                        unit="nats",
                        task="Press s to do the first step.",
                        when=lambda facts: facts.step >= 1,
                        why=lambda facts: "All tokens are about equally likely, so it is near "
                        f"ln {len(facts.vocabulary)} = {math.log(len(facts.vocabulary)):.3f}.",
                    ),
                    Do(
                        "Train until the loss is a tenth lower.",
                        done=lambda facts: facts.step > 1
                        and facts.losses[-1] < 0.9 * facts.losses[0],
                        help="space trains and pauses.",
                    ),
                ],
            )

        @hookimpl
        def microgpt_lessons():
            yield Contribution(
                name="first-loss", summary="how surprised a new model is", factory=first_loss
            )
    """
    raise NotImplementedError


@hookspec
def microgpt_writers() -> Iterable[Contribution[Writer]]:
    """Other models beside the run's own: anything that continues a prompt. The factory makes an
    object with `outlet()`, which tells what leaves this machine and for where, and with
    `write(prompt, tell)`, which works in a process of its own and may wait for a network. No knob
    holds a key: knobs are kept on disk.

    A complete plugin:

        from playground.api import Continuation, Contribution, Knob, Knobs, hookimpl

        class ParrotKnobs(Knobs):
            times: int = Knob(2, ge=1, le=9, help="how often it says the prompt again")

        class Parrot:
            def __init__(self, knobs):
                self.times = knobs.times

            def outlet(self):
                return None  # nothing leaves this machine

            def write(self, prompt, tell):
                text = ""
                for _ in range(self.times):
                    text += " " + prompt
                    tell(text)
                return Continuation(text, dollars=0.0)

        @hookimpl
        def microgpt_writers():
            yield Contribution(
                name="parrot",
                summary="says the prompt again",
                factory=Parrot,
                knobs=ParrotKnobs,
            )
    """
    raise NotImplementedError
