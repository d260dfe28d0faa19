"""Engines with one fault each, which are otherwise the vector engine."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace

from microgpt import (
    Decoder,
    ModelConfig,
    OptimizerConfig,
    StateKind,
    VectorEngine,
    parameter_layout,
)
from microgpt.config import ABILITIES, PARTS
from microgpt.engine import STATE_KINDS
from playground.testing.engines.subject import Subject
from tests.microgpt.wrong_gpt import CUT_KEYS, wrong_engine

Documents = Sequence[Sequence[int]]


# ---------------------------------------------------------------- what it declares to know


class NormalizesAnyway(VectorEngine):
    """Declares to know a model without norm, and normalizes as ever."""

    KNOWS = ABILITIES

    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        parts = tuple(part for part in PARTS if part in config.parts or part == "norm")
        super().__init__(replace(config, parts=parts), optimizer, weights)
        self.config = config


class NoGradientPastTheBlock(VectorEngine):
    """Takes the model without attention for one whose blocks have no residual, going back."""

    KNOWS = ABILITIES

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        if "attention" not in self.config.parts and "mlp" in self.config.parts:
            gradients = self.read("gradients")
            wte = parameter_layout(self.config)[0].slice
            gradients[wte] = array("d", [0.0] * len(gradients[wte]))
            self.write("gradients", gradients)
        return losses


class AdamAnyway(VectorEngine):
    """Declares to know SGD, and trains by Adam."""

    KNOWS = ABILITIES

    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        super().__init__(config, replace(optimizer, name="adam"), weights)


class KnowsAll(VectorEngine):
    """Keeps what it declares."""

    KNOWS = ABILITIES


class RoundsToFloat32(VectorEngine):
    """Keeps its state in float32; right if it says so."""

    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        super().__init__(config, optimizer, weights)
        self.write("weights", weights)

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        self.write("gradients", self.read("gradients"))
        return losses

    def adam_step(self, learning_rate: float, step: int) -> None:
        super().adam_step(learning_rate, step)
        for kind in STATE_KINDS:
            self.write(kind, self.read(kind))

    def write(self, kind: StateKind, values: array[float]) -> None:
        super().write(kind, Subject(VectorEngine, precision="float32").rounded(values))


# ---------------------------------------------------------------- arithmetic


class DoublesAMatrix(VectorEngine):
    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        gradients = self.read("gradients")
        for spec in parameter_layout(self.config):
            if spec.name == "layer0.attn_wk":
                gradients[spec.slice] = array("d", [2 * g for g in gradients[spec.slice]])
        self.write("gradients", gradients)
        return losses


CutsTheKeys = wrong_engine(CUT_KEYS)
CutsTheKeys.__name__ = "CutsTheKeys"


class SlipsWhereItIsWide(VectorEngine):
    """Forgets the last of 32 columns, as a loop that is unrolled by 31 would."""

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        if self.config.n_embd >= 32:
            gradients = self.read("gradients")
            gradients[31] = 0.0
            self.write("gradients", gradients)
        return losses


class NothingToLearnFromOne(VectorEngine):
    """Takes a single prediction for none."""

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        if all(len(row) == 1 for row in losses):
            self.write("gradients", array("d", bytes(8 * len(self.read("gradients")))))
        return losses


class TiresAfterSixteenSteps(VectorEngine):
    count = 0

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        self.count += 1
        if self.count > 16:
            self.write("gradients", array("d", [0.5 * g for g in self.read("gradients")]))
        return losses


class MeanOverDocuments(VectorEngine):
    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        if len(documents) > 1:
            sums = [0.0] * len(self.read("gradients"))
            for document in documents:
                super().loss_and_gradients([document])
                alone = self.read("gradients")
                sums = [s + g / len(documents) for s, g in zip(sums, alone, strict=True)]
            self.write("gradients", array("d", sums))
        return losses


class SixteenAtMost(VectorEngine):
    """Learns from the first documents of a large batch."""

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        if len(documents) > 16:
            super().loss_and_gradients(documents[:16])
        return losses


class ReadsTheEnd(VectorEngine):
    """Cuts a long document at the wrong side."""

    def _cut(self, documents: Documents) -> Documents:
        return [document[-self.config.block_size - 1 :] for document in documents]

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        return super().loss_and_gradients(self._cut(documents))

    def losses(self, documents: Documents) -> list[list[float]]:
        return super().losses(self._cut(documents))


class NoEps(VectorEngine):
    def adam_step(self, learning_rate: float, step: int) -> None:
        kept = self.optimizer
        self.optimizer = OptimizerConfig(beta1=kept.beta1, beta2=kept.beta2, eps=5e-324)
        super().adam_step(learning_rate, step)
        self.optimizer = kept


class OwnAdam(VectorEngine):
    """The update of Adam in plain Python, for variations of it."""

    def adam_step(self, learning_rate: float, step: int) -> None:
        beta1, beta2, eps = self.optimizer.beta1, self.optimizer.beta2, self.optimizer.eps
        m, v, w = self.read("first_moment"), self.read("second_moment"), self.read("weights")
        for i, g in enumerate(self.read("gradients")):
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g * g
            w[i] -= learning_rate * self.share(m[i], v[i], beta1, beta2, eps, step + 1)
        for kind, values in (("first_moment", m), ("second_moment", v), ("weights", w)):
            self.write(kind, values)

    def share(self, m: float, v: float, b1: float, b2: float, eps: float, t: int) -> float:
        return m / (1 - b1**t) / (math.sqrt(v / (1 - b2**t)) + eps)


class SecondMomentNotCorrected(OwnAdam):
    def share(self, m: float, v: float, b1: float, _b2: float, eps: float, t: int) -> float:
        return m / (1 - b1**t) / (math.sqrt(v) + eps)


class EpsUnderTheRoot(OwnAdam):
    def share(self, m: float, v: float, b1: float, b2: float, eps: float, t: int) -> float:
        return m / (1 - b1**t) / math.sqrt(v / (1 - b2**t) + eps)


class StepsFromOne(VectorEngine):
    def adam_step(self, learning_rate: float, step: int) -> None:
        super().adam_step(learning_rate, max(0, step - 1))


class CountsForItself(VectorEngine):
    count = 0

    def adam_step(self, learning_rate: float, _step: int) -> None:
        super().adam_step(learning_rate, self.count)
        self.count += 1


def microgpts_own_optimizer(
    config: ModelConfig, _optimizer: OptimizerConfig, weights: array[float]
) -> VectorEngine:
    """An engine that ignores the optimizer it is given."""
    return VectorEngine(config, OptimizerConfig(), weights)


# ---------------------------------------------------------------- decoders


class Wrapped:
    """A decoder around another one, for subclasses to change."""

    def __init__(self, inner: Decoder, config: ModelConfig) -> None:
        self.inner = inner
        self.config = config
        self.count = 0

    def push(self, token: int) -> list[float]:
        return self.inner.push(token)


class DecoderOneOff(VectorEngine):
    """Uses the position embedding of the place before."""

    def decoder(self) -> Decoder:
        moved = VectorEngine(self.config, self.optimizer, self.read("weights"))
        weights = moved.read("weights")
        place = next(spec for spec in parameter_layout(self.config) if spec.name == "wpe").slice
        wpe, n_embd = weights[place], self.config.n_embd
        weights[place] = wpe[:n_embd] + wpe[:-n_embd]
        moved.write("weights", weights)
        return VectorEngine.decoder(moved)


class OneCacheForAll(VectorEngine):
    """Begins a new text only when the block is full."""

    shared: Decoder | None = None
    count = 0

    def decoder(self) -> Decoder:
        engine, fresh = self, super().decoder

        class Shared:
            def push(self, token: int) -> list[float]:
                if engine.shared is None or engine.count == engine.config.block_size:
                    engine.shared, engine.count = fresh(), 0
                engine.count += 1
                return engine.shared.push(token)

        return Shared()


class WeightsOfTheBeginning(VectorEngine):
    """Its decoders never hear of new weights."""

    first: array[float] | None = None

    def decoder(self) -> Decoder:
        if self.first is None:
            self.first = self.read("weights")
        return VectorEngine.decoder(VectorEngine(self.config, self.optimizer, self.first))


class EndlessDecoder(VectorEngine):
    def decoder(self) -> Decoder:
        class Endless(Wrapped):
            def push(self, token: int) -> list[float]:
                self.count += 1
                if self.count > self.config.block_size:
                    return [0.0] * self.config.vocab_size
                return self.inner.push(token)

        return Endless(super().decoder(), self.config)


class TakesAnyId(VectorEngine):
    def decoder(self) -> Decoder:
        class Wraps(Wrapped):
            def push(self, token: int) -> list[float]:
                return self.inner.push(token % self.config.vocab_size)

        return Wraps(super().decoder(), self.config)


class OneBufferForLogits(VectorEngine):
    def decoder(self) -> Decoder:
        class Buffered(Wrapped):
            buffer: list[float] | None = None

            def push(self, token: int) -> list[float]:
                if self.buffer is None:
                    self.buffer = []
                self.buffer[:] = self.inner.push(token)
                return self.buffer

        return Buffered(super().decoder(), self.config)


# ---------------------------------------------------------------- state


class SharesItsState(VectorEngine):
    """Hands out the array that it keeps."""

    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        self.kept: dict[StateKind, array[float]] = {}
        super().__init__(config, optimizer, weights)

    def read(self, kind: StateKind) -> array[float]:
        mine = self.kept.setdefault(kind, array("d"))
        mine[:] = super().read(kind)
        return mine


class KeepsFloat32(VectorEngine):
    def write(self, kind: StateKind, values: array[float]) -> None:
        super().write(kind, array("d", array("f", values)))


class ForgetsTheMoments(VectorEngine):
    def write(self, kind: StateKind, values: array[float]) -> None:
        super().write(kind, values)
        if kind == "weights" and "second_moment" in self._rows:
            super().write("first_moment", array("d", bytes(8 * len(values))))


class UpdatesACopy(VectorEngine):
    """Updates weights of its own, which hear of written ones only together with moments."""

    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        super().__init__(config, optimizer, weights)
        self.own = self.read("weights")

    def write(self, kind: StateKind, values: array[float]) -> None:
        super().write(kind, values)
        if kind == "first_moment":
            self.own = self.read("weights")

    def adam_step(self, learning_rate: float, step: int) -> None:
        super().write("weights", self.own)
        super().adam_step(learning_rate, step)
        self.own = self.read("weights")


class TransposesWhatItKeeps(VectorEngine):
    """Consistent with itself, but not with `parameter_layout`: mlp_fc1 comes by columns."""

    def read(self, kind: StateKind) -> array[float]:
        values = super().read(kind)
        for spec in parameter_layout(self.config):
            if spec.name.endswith("mlp_fc1"):
                flat = values[spec.slice]
                columns = [flat[i :: spec.columns] for i in range(spec.columns)]
                values[spec.slice] = sum(columns, array("d"))
        return values

    def write(self, kind: StateKind, values: array[float]) -> None:
        values = array("d", values)
        if len(values) == parameter_layout(self.config)[-1].slice.stop:
            for spec in parameter_layout(self.config):
                if spec.name.endswith("mlp_fc1"):
                    flat = values[spec.slice]
                    rows = [flat[i :: spec.rows] for i in range(spec.rows)]
                    values[spec.slice] = sum(rows, array("d"))
        super().write(kind, values)


class LosesASign(VectorEngine):
    """Writes first moments without their sign."""

    def write(self, kind: StateKind, values: array[float]) -> None:
        super().write(kind, array("d", map(abs, values)) if kind == "first_moment" else values)


class ReadsTooMuch(VectorEngine):
    def read(self, kind: StateKind) -> array[float]:
        values = super().read(kind)
        return values + array("d", [0.0]) if kind == "gradients" else values


class LossesLeaveGradients(VectorEngine):
    def losses(self, documents: Documents) -> list[list[float]]:
        return self.loss_and_gradients(documents) if documents else []


class EvaluatesOldWeights(VectorEngine):
    """Computes the weights for evaluation once, and again after a step, but not after write."""

    ahead: VectorEngine | None = None

    def losses(self, documents: Documents) -> list[list[float]]:
        if self.ahead is None:
            self.ahead = VectorEngine(self.config, self.optimizer, self.read("weights"))
        return VectorEngine.losses(self.ahead, documents)

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        if self.ahead is None:
            self.losses([])
        return super().loss_and_gradients(documents)

    def adam_step(self, learning_rate: float, step: int) -> None:
        super().adam_step(learning_rate, step)
        self.ahead = None
        self.losses([])
