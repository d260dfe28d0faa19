"""What a run and a saved model have in common: it writes, and it can be looked into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playground.hooks.errors import KnobError, UnknownNameError
from playground.hooks.registry import Registry
from playground.lab.notebook.dissection import Dissection
from playground.lab.notebook.settings import by_name, refused
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.sampling import DEFAULT_CHAIN, Link, Links, Sampling
from playground.lab.run.choices import link
from playground.lab.run.guard import plugin_failures
from playground.lab.run.sampling import Sampler
from playground.lab.run.saved_model import ReadModel, SavedModel

SEED = 42
"""The dice of samples and of scores, as the command line has them."""


class Model:
    """A model as it stands. `playground.model` opens a saved one; a `Run` is one too."""

    def __init__(self, registry: Registry, sampler: Sampler) -> None:
        self._registry = registry
        self._sampler = sampler

    @property
    def at(self) -> int:
        """How many steps the model was trained."""
        return self._read().step

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by the names that `playground.open` takes them by."""
        return by_name(self._read().spec.model_dump())

    def sample(
        self,
        count: int = 1,
        *,
        prompt: str = "",
        temperature: float | None = None,
        strategies: Sequence[str] = (),
        seed: int = SEED,
    ) -> list[str]:
        """`count` texts, which begin with the prompt. The same model and seed give the same texts,
        those of `microgpt-play sample`; training does not depend on them.

        temperature: 0.05 to 5, below 1 the likely grows likelier (0.5). strategies: the links of
        the chain from logits to token, as "top-k:top_k=3", in the place of the usual chain; the
        temperature, if one is given, comes before them. Raises LabError.
        """
        if count < 0:
            raise refused({"count": f"must be 0 or more, not {count}"})
        sampler, kept = self._sampler, self._sampler.sampling
        sampler.set(Sampling(self._chain(temperature, strategies), prompt, 1, kept.every, seed))
        texts: list[str] = []
        try:
            with plugin_failures():
                for batch in sampler.batches(count, self.at):
                    if batch.note and not batch.texts:
                        raise LabError(Failure("There is nothing to sample", batch.note))
                    texts += [one.text for one in batch.texts]
        finally:
            sampler.set(kept)
        return texts

    def _chain(self, temperature: float | None, strategies: Sequence[str]) -> Links:
        if isinstance(strategies, str):
            strategies = (strategies,)
        heat: Links = ()
        try:
            if temperature is not None:
                heat = (Link("temperature", {"temperature": temperature}),)
                self._registry.validate("strategy", "temperature", heat[0].options)
            links = tuple(link(self._registry, text) for text in strategies)
        except (KnobError, UnknownNameError) as error:
            raise LabError(Failure("That sampling cannot be", f"{error}.")) from error
        if strategies:
            return (*heat, *links)
        return (*(heat or DEFAULT_CHAIN[:1]), *DEFAULT_CHAIN[1:])

    def dissect(self, text: str) -> Dissection:
        """All that the model computes for a text, as it stands now: what `microgpt-play inside`
        shows. A text that is longer than block_size is cut. Raises LabError for a text that the
        model cannot read."""
        return Dissection(self._read(), text)

    def _read(self) -> ReadModel:
        """The model as it stands."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} after {self.at:,} steps>"


class FileModel(Model):
    """The model of a file, without the data that it learnt from."""

    def __init__(self, registry: Registry, saved: SavedModel, read: ReadModel) -> None:
        super().__init__(registry, saved.sampler)
        self._model = read

    def _read(self) -> ReadModel:
        return self._model
