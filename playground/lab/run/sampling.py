"""Texts from a model, by a chain of strategies with a random stream of its own.

`Sampler` makes texts; `Texts` keeps those of a run, sampled every so many steps and on demand.
Sampling changes nothing of the training.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from microgpt.config import ModelConfig
from microgpt.sampling import generate
from microgpt.tokenizer import needs_base
from playground.api import SampleContext, UnknownTextError
from playground.catalog import KnobValue
from playground.hooks.chain import Chain, ChainError, LogitsError
from playground.hooks.errors import PluginError
from playground.hooks.registry import Registry
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.sampling import (
    DEFAULT_CHAIN,
    Link,
    Links,
    Preview,
    SampleBatch,
    SampleText,
    Sampling,
    Spread,
    TokenChance,
)
from playground.lab.run.data import Encoder
from playground.lab.run.engines import ForwardOnly
from playground.lab.run.guard import Activity, Doing, Guard, failure_of, make, naming_the_knob
from playground.lab.run.recited import KnownTexts
from playground.lab.run.speed import Ration

MAX_COUNT = 1000
BATCH = 20
"""Texts of one of the batches in which many are sampled on demand."""
_CANNOT_BE = "That sampling cannot be"


class Sampler:
    """Samples from an engine as a Sampling says."""

    def __init__(
        self,
        registry: Registry,
        engine: ForwardOnly,
        encoder: Encoder,
        config: ModelConfig,
        follows: Mapping[str, KnobValue],
        activity: Activity,
        known: KnownTexts | None = None,
    ) -> None:
        """follows: the model's settings, which knobs may follow. known: the documents, which tell a
        copied text from a new one; without them every text counts as new."""
        self._registry = registry
        self._engine = engine
        self._encoder = encoder
        self._config = config
        self._follows = follows
        self._activity = activity
        self._known = known or KnownTexts(())
        self.sampling = Sampling()
        self._prompt: list[int] = []
        self._chain = self._make_chain(self.sampling)

    def set(self, sampling: Sampling) -> None:
        """Sample like this from now on. Raises LabError whose `problems` name what cannot be; then
        nothing has changed."""
        problems = {}
        if not 1 <= sampling.count <= MAX_COUNT:
            problems["count"] = f"must be between 1 and {MAX_COUNT}, not {sampling.count}"
        if sampling.every < 0:
            problems["every"] = f"must be 0 or more, not {sampling.every}"
        if problems:
            raise _refused("; ".join(f"{key} {text}" for key, text in problems.items()), problems)
        prompt = self.encode_prompt(sampling.prompt)
        chain = self._make_chain(sampling)
        self.sampling, self._prompt, self._chain = sampling, prompt, chain

    def take(self, wanted: Sampling) -> list[str]:
        """Sample like this as far as it fits the run: without the prompt if the model cannot read
        it, with the default chain if that fails too. Returns a sentence about what was changed."""
        refused: list[str] = []
        without_prompt = replace(wanted, prompt="")
        for sampling in (wanted, without_prompt, replace(without_prompt, chain=DEFAULT_CHAIN)):
            try:
                self.set(sampling)
                break
            except LabError as error:
                refused.append(error.failure.message)
        return [f"sampling was changed: {text}" for text in refused[:1]]

    def encode_prompt(self, prompt: str) -> list[int]:
        """The ids of a prompt, without BOS. Raises LabError for a prompt that the model does not
        know, or that leaves no room for another token."""
        try:
            ids = self._encoder.prompt(prompt) if prompt else []
        except UnknownTextError as error:
            text = f"the model does not know {quoted(error.character)}"
            raise _refused(f"The prompt cannot be read: {text}.", {"prompt": text}) from error
        except PluginError as error:
            raise LabError(failure_of(error)) from error
        most = self._config.block_size - 1
        if len(ids) > most:
            text = f"it has {len(ids)} tokens; at most {most} leave room for one more"
            raise _refused(f"The prompt is too long: {text}.", {"prompt": text})
        return ids

    def _make_chain(self, sampling: Sampling) -> Chain:
        links: list[tuple[str, object]] = []
        for link in sampling.chain:
            if not link.enabled:
                continue
            with naming_the_knob(_CANNOT_BE, link.name):
                made, guard = make(
                    self._registry,
                    "strategy",
                    link.name,
                    link.options,
                    self._activity,
                    self._follows,
                )
                with guard.at("__init__"):  # looks at the strategy's attributes
                    ready = made if guard.trusted else _watched(made, guard)
            links.append((guard.entry.qualified, ready))
        try:
            return Chain(links)
        except ChainError as error:
            raise _refused(str(error), {"chain": str(error)}) from error

    # ------------------------------------------------------------ sampling

    def batch(self, number: int, step: int, occasion: str) -> SampleBatch:
        """Texts from the present weights. The same seed, step and occasion give the same texts.

        Raises PluginError for a strategy that fails; weights that are no numbers any more give a
        `note` instead of texts.
        """
        sampling = self.sampling
        rng = random.Random(f"{sampling.seed}:{step}:{occasion}")
        texts: list[SampleText] = []
        note = ""
        try:
            texts.extend(self.text(self._prompt, step, rng) for _ in range(sampling.count))
        except LogitsError as error:
            note = str(error)
        return SampleBatch(number, step, sampling.prompt, tuple(texts), note)

    def batches(self, count: int, step: int) -> Iterator[SampleBatch]:
        """`count` texts on demand, in batches, so that the first can be read while the last are
        made. The same seed and step give the same texts. Raises PluginError as `batch` does."""
        for number, done in enumerate(range(0, count, BATCH), 1):
            self.sampling = replace(self.sampling, count=min(BATCH, count - done))
            yield self.batch(number, step, f"on demand {number}")

    def text(self, prompt: Sequence[int], step: int, rng: random.Random) -> SampleText:
        """One text from the present weights, as `write` writes it, and whether it is new."""
        text, complete, drawn = self.write(prompt, step, rng)
        known = self._known
        return SampleText(
            text,
            text in known,
            complete,
            known.recited(text, complete),
            tuple(self._encoder.display(token) for token, _ in drawn),
            tuple(chance for _, chance in drawn),
        )

    def write(
        self, prompt: Sequence[int], step: int, rng: random.Random, most: int | None = None
    ) -> tuple[str, bool, list[tuple[int, float]]]:
        """(a text from the present weights, by the present chain; whether it ended by itself; the
        drawn tokens, each with the probability that it had).

        prompt: ids from `encode_prompt`. rng: the only source of chance. most: the most tokens of
        the text; None for as many as the context holds. Raises PluginError for a strategy that
        fails, LogitsError for weights that are no numbers any more.
        """
        config, bos = self._config, self._encoder.bos_id
        tokens = [bos, *prompt]
        complete = False
        drawn: list[tuple[int, float]] = []

        def choose(logits: Sequence[float]) -> int:
            nonlocal complete
            context = self._context(tokens, len(prompt), step, rng)
            token, chance = self._chain.choose_with_chance(logits, context)
            drawn.append((token, chance))
            tokens.append(token)
            complete = token == bos
            return token

        room = config.block_size if most is None else min(most, config.block_size)
        ids = generate(self._engine.decoder(), bos, room, choose, prompt)
        text = self._encoder.decode(ids)
        self._activity.alive()
        return text, complete, drawn

    def _context(
        self, tokens: Sequence[int], prompt_length: int, step: int, rng: random.Random
    ) -> SampleContext:
        return SampleContext(
            tokens=tuple(tokens),
            prompt_length=1 + prompt_length,
            bos_id=self._encoder.bos_id,
            vocab_size=self._config.vocab_size,
            block_size=self._config.block_size,
            step=step,
            rng=rng,
        )

    def preview(self, step: int, limit: int, tried: Links | None = None) -> Preview:
        """The `limit` likeliest tokens after the prompt, with their chances before and after the
        chain. tried: a chain instead of the present one, with what each of its links does. Raises
        LabError, PluginError."""
        chain = self._chain
        if tried is not None:
            chain = self._make_chain(replace(self.sampling, chain=tried))
        decoder = self._engine.decoder()
        tokens = [self._encoder.bos_id, *self._prompt]
        logits: Sequence[float] = ()
        for token in tokens:
            logits = decoder.push(token)
        rng = random.Random(f"{self.sampling.seed}:{step}:preview")
        try:
            context = self._context(tokens, len(self._prompt), step, rng)
            before, after = chain.probabilities(logits, context)
            stages = chain.stages(logits, context) if tried is not None else []
        except LogitsError as error:
            raise LabError(Failure("There is nothing to sample", str(error), "diverged")) from error
        ranked = sorted(range(len(after)), key=lambda token: (-after[token], -before[token]))
        shown = ranked[: max(1, limit)]
        return Preview(
            step=step,
            prompt=self.sampling.prompt,
            chances=tuple(
                TokenChance(token, self._encoder.display(token), before[token], after[token])
                for token in shown
            ),
            rest=max(0.0, sum(after[token] for token in ranked[len(shown) :])),
            rest_count=len(ranked) - len(shown),
            chain=tried,
            alone=None if tried is None else _spread(before),
            spreads=_spreads(tried or (), stages),
        )


def _spreads(
    chain: Sequence[Link], stages: Sequence[Sequence[float] | None]
) -> tuple[Spread | None, ...]:
    """The spread after each link. stages: the chances after each link that is not off."""
    after = iter(stages)
    found = (next(after) if link.enabled else None for link in chain)
    return tuple(None if chances is None else _spread(chances) for chances in found)


def _spread(chances: Sequence[float]) -> Spread:
    some = [chance for chance in chances if chance > 0]
    return Spread(len(some), math.exp(-sum(chance * math.log(chance) for chance in some)))


def quoted(character: str) -> str:
    """The character in quotes; its number too where it cannot be seen by itself."""
    if needs_base(character):
        return f"'◌{character}' (U+{ord(character):04X})"
    return repr(character)


def _refused(message: str, problems: dict[str, str]) -> LabError:
    return LabError(Failure(_CANNOT_BE, message, problems=problems))


# ---------------------------------------------------------------- strategies under watch


def _watched(strategy: Any, guard: Guard) -> object:
    """The strategy, wrapped to tell the watchdog when it is at work."""
    if callable(getattr(strategy, "transform", None)):
        return _WatchedTransform(strategy.transform, guard.doing("transform"))
    return _WatchedPick(strategy.pick, guard.doing("pick"))


class _WatchedTransform:
    def __init__(self, call: Callable[..., Sequence[float]], doing: Doing) -> None:
        self._call = call
        self._doing = doing

    def transform(self, logits: Sequence[float], context: SampleContext) -> Sequence[float]:
        with self._doing:
            # A lazy result runs here, under the watchdog; one value too many shows that it is
            # too long.
            return list(islice(self._call(logits, context), len(logits) + 1))


class _WatchedPick:
    def __init__(self, call: Callable[..., int], doing: Doing) -> None:
        self._call = call
        self._doing = doing

    def pick(self, probs: Sequence[float], context: SampleContext) -> int:
        with self._doing:
            return self._call(probs, context)


KEPT_BATCHES = 200


class Texts:
    """Samples a run, and keeps the last KEPT_BATCHES batches.

    heard: called with the occasion of each new batch ("automatic", "on demand 2") and the batch.
    """

    def __init__(self, sampler: Sampler, heard: Callable[[str, SampleBatch], None]) -> None:
        self.sampler = sampler
        self.batches: list[SampleBatch] = []
        """Oldest first."""
        self._heard = heard
        self._number = 0
        self.ration = Ration()
        """The time for samples that are made by themselves."""
        self._on_demand: tuple[int, int] = (0, 0)
        """(the step of the last batch on demand, how many were made at that step)."""

    def recall(self, batches: Iterable[SampleBatch]) -> None:
        """Take over the batches from before the run was opened again, numbered from 1."""
        self.batches = list(batches)
        self._number = len(self.batches)

    def forget_after(self, step: int) -> None:
        """Drop the batches after `step`."""
        self.batches = [batch for batch in self.batches if batch.step <= step]

    # ------------------------------------------------------------ by themselves

    def until(self, step: int, most: int) -> int:
        """Steps from `step` to the next batch, at most `most`."""
        every = self.sampler.sampling.every
        return min(most, every - step % every) if every else most

    def earn(self, seconds: float) -> None:
        """Add a share of `seconds` of training to the time for samples."""
        self.ration.earn(seconds)

    def after(self, step: int) -> None:
        """Sample a batch if `step` is due and there is time left. Raises PluginError."""
        every = self.sampler.sampling.every
        if not every or step % every or not self.ration.left:
            return
        began = time.perf_counter()
        try:
            self._batch(step, "automatic")
        finally:
            self.ration.spend(time.perf_counter() - began)

    # ------------------------------------------------------------ on demand

    def sample(self, step: int) -> SampleBatch:
        """A new batch at each call, of other texts. Raises PluginError."""
        at, count = self._on_demand
        self._on_demand = (step, count + 1 if at == step else 1)
        return self._batch(step, f"on demand {self._on_demand[1]}")

    def _batch(self, step: int, occasion: str) -> SampleBatch:
        self._number += 1
        batch = self.sampler.batch(self._number, step, occasion)
        self.batches = [*self.batches[-KEPT_BATCHES + 1 :], batch]
        self._heard(occasion, batch)
        return batch
