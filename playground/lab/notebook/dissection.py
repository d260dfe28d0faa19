"""All that a model computes for one text, as lists of numbers."""

from __future__ import annotations

from collections.abc import Sequence

from microgpt.anatomy import Anatomy, LayerAnatomy, dissect, lens, stages
from playground.lab.inside.texts import typed
from playground.lab.notebook.drawing import letters_html
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.run.guard import plugin_failures
from playground.lab.run.saved_model import ReadModel


class Dissection:
    """One text inside a model as it stood when the text was read: what `microgpt-play inside`
    shows. T is the number of positions, V the vocabulary, C n_embd. The text has the token between
    documents (BOS) before it and after it, so that the last position predicts that the text
    ends."""

    def __init__(self, model: ReadModel, text: str) -> None:
        """Raises LabError for a text that the model cannot read."""
        with plugin_failures():
            ids = typed(model.encoder, text, model.config.block_size)
            self.anatomy: Anatomy = dissect(model.config, model.weights, ids)
            """Every number, in the shapes that `microgpt.anatomy` tells."""
            names = model.encoder.display
            self.tokens: list[str] = [names(token) for token in self.anatomy.tokens]
            """What the model reads at each position, T names of tokens; the first is BOS."""
            self.targets: list[str] = [names(token) for token in self.anatomy.targets]
            """What comes next at each position, T names of tokens."""
            self.vocabulary: list[str] = [names(token) for token in range(model.config.vocab_size)]
            """The names of all tokens, by id, V."""
        self.text = text

    @property
    def losses(self) -> list[float]:
        """How much each token of `targets` surprises the model: T numbers, in nats."""
        return list(self.anatomy.losses)

    @property
    def logits(self) -> list[list[float]]:
        """The logits of the next token, (T, V)."""
        return _rows(self.anatomy.logits)

    @property
    def probabilities(self) -> list[list[float]]:
        """The probabilities (0..1) of the next token, (T, V); each row adds up to 1."""
        return _rows(self.anatomy.probs)

    def attention(self, layer: int = 0, head: int = 0) -> list[list[float]]:
        """How much each position looks at each position: (T, T). Each row adds up to 1, and has 0
        for what comes later. Raises LabError for a head that the model has not."""
        weights = self._layer(layer).attn_weights
        rows = weights[_within("head", head, len(weights))]
        return [[*row, *[0.0] * (len(rows) - len(row))] for row in rows]

    def neurons(self, layer: int = 0) -> list[list[float]]:
        """How much each hidden neuron fires at each position, (T, 4C). Raises LabError."""
        return _rows(self._layer(layer).activation)

    def stream(self) -> dict[str, list[list[float]]]:
        """The residual stream by the name of the place where it is looked at, from the embedding
        on, (T, C) each."""
        return {one.name: _rows(one.x) for one in stages(self.anatomy)}

    def lens(self) -> dict[str, list[list[float]]]:
        """The probabilities of the next token if the model ended at each place of `stream`,
        (T, V) each: the logit lens."""
        return {one.name: lens(self.anatomy, one.x) for one in stages(self.anatomy)}

    def next(self, count: int = 5) -> list[tuple[str, float]]:
        """The likeliest tokens after the text, each with its probability (0..1)."""
        chances = self.anatomy.probs[-1]
        best = sorted(range(len(chances)), key=lambda token: -chances[token])[: max(0, count)]
        return [(self.vocabulary[token], chances[token]) for token in best]

    def _layer(self, layer: int) -> LayerAnatomy:
        layers = self.anatomy.layers
        return layers[_within("layer", layer, len(layers))]

    def __repr__(self) -> str:
        mean = sum(self.losses) / len(self.losses)
        return f"<Dissection of {self.text!r}: {len(self.tokens)} positions, loss {mean:.4f}>"

    def _repr_html_(self) -> str:
        return letters_html(self.tokens, self.targets, self.losses, self.next())


def _rows(rows: Sequence[Sequence[float]]) -> list[list[float]]:
    return [list(row) for row in rows]


def _within(what: str, index: int, count: int) -> int:
    if 0 <= index < count:
        return index
    there = (
        f"Its {what}s count from 0 to {count - 1}." if count else f"It was made without {what}s."
    )
    raise LabError(Failure(f"The model has no {what} {index}", there))
