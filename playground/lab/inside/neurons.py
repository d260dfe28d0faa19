"""View 5: the hidden neurons of one layer, and one of them opened."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

from microgpt import kernels
from microgpt.anatomy import Anatomy, dissect
from microgpt.config import ModelConfig
from microgpt.parameters import parameter_count
from playground.lab.protocol.inside import Look, NeuronReading, NeuronsReading
from playground.lab.run.data import Encoder

SHOWN = 12
"""Tokens and documents that are listed."""
_CHARACTERS = 200
"""Characters of a document that are sent."""
_PRODUCTS = 1_500_000
"""Multiplications with which documents are looked through, about: some 50 ms."""
FEWEST_DOCUMENTS, MOST_DOCUMENTS = 8, 100


class Neurons:
    """Reads neurons out, and keeps what fires them until the weights change."""

    def __init__(self, config: ModelConfig, encoder: Encoder, documents: Sequence[str]) -> None:
        self._config = config
        self._encoder = encoder
        self._documents = documents
        self._seen: tuple[bytes, list[list[list[tuple[float, int]]]]] | None = None
        """The weights, and by document, layer and neuron: (largest activation, its position)."""

    def reading(
        self,
        look: Look,
        anatomy: Anatomy,
        weights: array[float],
        display: Callable[[int], str],
    ) -> NeuronsReading:
        """The neurons of the layer; the opened one of the look with its tokens and documents."""
        layer = anatomy.layers[look.layer]
        opened = None
        if look.neuron is not None:
            opened = self._open(look.layer, look.neuron, anatomy, weights, display)
        return NeuronsReading(
            tuple(zip(*layer.activation, strict=True)),
            tuple(layer.pre_activation[look.position]),
            opened,
        )

    def _open(
        self,
        layer: int,
        neuron: int,
        anatomy: Anatomy,
        weights: array[float],
        display: Callable[[int], str],
    ) -> NeuronReading:
        matrices = anatomy.weights
        writes = [row[neuron] for row in matrices[f"layer{layer}.mlp_fc2"]]
        reads = matrices[f"layer{layer}.mlp_fc1"][neuron]
        promotes = _ordered([kernels.dot(row, writes) for row in matrices["lm_head"]], display)
        wakes = _ordered([kernels.dot(row, reads) for row in matrices["wte"]], display)
        peaks = self._peaks(weights)
        best = sorted(
            (
                (layers[layer][neuron], text)
                for layers, text in zip(peaks, self._documents, strict=False)
                if layers[layer][neuron][0] > 0
            ),
            key=lambda peak: -peak[0][0],
        )
        return NeuronReading(
            layer,
            neuron,
            tuple(promotes[:SHOWN]),
            tuple(reversed(promotes[-SHOWN:])),
            tuple(wakes[:SHOWN]),
            tuple(reversed(wakes[-SHOWN:])),
            tuple((text[:_CHARACTERS], at, value) for (value, at), text in best[:SHOWN]),
            len(peaks),
        )

    def _peaks(self, weights: array[float]) -> list[list[list[tuple[float, int]]]]:
        """By document, layer and neuron, the largest activation and where it is. The number of
        documents follows from the sizes of the model, so that the answer depends on no clock."""
        now = weights.tobytes()
        if self._seen is None or self._seen[0] != now:
            each = parameter_count(self._config) * min(8, self._config.block_size)
            count = min(MOST_DOCUMENTS, max(FEWEST_DOCUMENTS, _PRODUCTS // each))
            peaks = []
            for text in self._documents[:count]:
                anatomy = dissect(self._config, weights, self._encoder.document(text))
                peaks.append([[_peak(row) for row in zip(*layer.activation, strict=True)]
                              for layer in anatomy.layers])  # fmt: skip
            self._seen = (now, peaks)
        return self._seen[1]


def _peak(activations: Sequence[float]) -> tuple[float, int]:
    value = max(activations)
    return value, activations.index(value)


def _ordered(values: Sequence[float], display: Callable[[int], str]) -> list[tuple[str, float]]:
    """(display, value) of every token, the largest value first."""
    order = sorted(range(len(values)), key=lambda i: -values[i])
    chosen = {*order[:SHOWN], *order[-SHOWN:]}
    return [(display(i) if i in chosen else "", values[i]) for i in order]
