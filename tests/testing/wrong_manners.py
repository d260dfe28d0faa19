"""More engines with one fault each: in what they refuse, in their manners, in `train`."""

from __future__ import annotations

import math
import os
import random
import signal
import sys
import threading
import warnings
from array import array
from collections.abc import Callable, Sequence

from microgpt import (
    STATE_KINDS,
    Decoder,
    ModelConfig,
    OptimizerConfig,
    StateKind,
    Steps,
    VectorEngine,
)
from microgpt.checks import inputs_and_targets

Documents = Sequence[Sequence[int]]


# ---------------------------------------------------------------- refusals, numbers not finite


class TakesNegativeIds(VectorEngine):
    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        size = self.config.vocab_size
        fitting = [[t + size if -size <= t < 0 else t for t in d] for d in documents]
        return super().loss_and_gradients(fitting)


class ChangesThenRefuses(VectorEngine):
    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        self.write("gradients", array("d", bytes(8 * len(self.read("gradients")))))
        return super().loss_and_gradients(documents)


class TakesNegativeMoments(VectorEngine):
    def write(self, kind: StateKind, values: array[float]) -> None:
        if kind == "second_moment":
            values = array("d", map(abs, values))
        super().write(kind, values)


class RaisesOnNan(VectorEngine):
    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        if any(math.isnan(loss) for row in losses for loss in row):
            raise FloatingPointError("not a number")
        return losses


class HidesNan(VectorEngine):
    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        return [[1e30 if math.isnan(loss) else loss for loss in row] for row in losses]


class NeverInfinite(VectorEngine):
    """Gives finite losses for any logits, as log-sum-exp does."""

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        return [[min(loss, 2000.0) if loss == loss else loss for loss in row] for row in losses]


class ChecksItsGradients(VectorEngine):
    def adam_step(self, learning_rate: float, step: int) -> None:
        if not all(map(math.isfinite, self.read("gradients"))):
            raise ArithmeticError("the gradients are not finite")
        super().adam_step(learning_rate, step)


# ---------------------------------------------------------------- manners


class DrawsRandomNumbers(VectorEngine):
    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        random.random()
        return super().loss_and_gradients(documents)


class DrawsFromNumpy(VectorEngine):
    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        sys.modules["numpy"].random.random()
        return super().loss_and_gradients(documents)


class NeverTheSame(VectorEngine):
    """Differs in the last bit from run to run, as sums taken in parallel do."""

    noise = random.Random()

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        gradients = self.read("gradients")
        wobble = 1 + self.noise.randrange(9) * 2.0**-51
        self.write("gradients", array("d", [g * wobble for g in gradients]))
        return losses


class Talks(VectorEngine):
    def adam_step(self, learning_rate: float, step: int) -> None:
        print("step", step)
        super().adam_step(learning_rate, step)


class TalksAsCompilersDo(VectorEngine):
    def decoder(self) -> Decoder:
        os.write(2, b"warning: unused variable\n")
        return super().decoder()


class Warns(VectorEngine):
    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        losses = super().loss_and_gradients(documents)
        if not all(map(math.isfinite, self.read("gradients"))):
            warnings.warn("overflow encountered in matmul", RuntimeWarning, stacklevel=2)
        return losses


class CutsTheDocumentsGiven(VectorEngine):
    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        for document in documents:
            if isinstance(document, list):
                del document[self.config.block_size + 1 :]
        return super().loss_and_gradients(documents)


class GivesArrays(VectorEngine):
    def losses(self, documents: Documents) -> list[list[float]]:
        return [array("d", row) for row in super().losses(documents)]  # type: ignore[misc]


class MainThreadOnly(VectorEngine):
    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        super().__init__(config, optimizer, weights)
        if threading.current_thread() is threading.main_thread():
            return
        signal.signal(signal.SIGINT, signal.default_int_handler)


# ---------------------------------------------------------------- many steps a call


class Bulk(VectorEngine):
    """A bulk engine without a fault, in parts that the faulty ones below replace."""

    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        count = len(learning_rates)
        if len(documents) % count if count else documents:
            raise ValueError(f"{len(documents)} documents cannot be shared out to {count} steps")
        if count and not documents:
            raise ValueError("a batch needs at least one document")
        for document in documents:
            inputs_and_targets(document, self.config)
        size = len(documents) // max(1, count)
        losses, rows, tokens = array("d"), [], 0
        for i, rate in enumerate(learning_rates):
            rows = self.loss_and_gradients(documents[i * size : (i + 1) * size])
            losses.append(sum(map(sum, rows)) / sum(map(len, rows)))
            tokens += sum(map(len, rows))
            if not math.isfinite(losses[-1]):
                break
            self.adam_step(rate, step + i)
        return Steps(losses, rows, tokens)


class OneRateLate(Bulk):
    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        late = [*learning_rates[:1], *learning_rates[:-1]]
        return super().train(documents, late, step)


class OneStepLate(Bulk):
    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        return super().train(documents, learning_rates, step + 1)


class TrainsApart(Bulk):
    """Trains on a device of its own, and copies only the results back."""

    device: Bulk | None = None

    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        if self.device is None:
            self.device = Bulk(self.config, self.optimizer, self.read("weights"))
            for kind in STATE_KINDS:
                self.device.write(kind, self.read(kind))
        steps = self.device.train(documents, learning_rates, step)
        for kind in STATE_KINDS:
            self.write(kind, self.device.read(kind))
        return steps


class DecodesAsBefore(Bulk):
    """Copies the weights for its decoders where they change, but for `train`."""

    copy: VectorEngine | None = None
    training = False

    def decoder(self) -> Decoder:
        if self.copy is None:
            self.copy = VectorEngine(self.config, self.optimizer, self.read("weights"))
        return VectorEngine.decoder(self.copy)

    def adam_step(self, learning_rate: float, step: int) -> None:
        super().adam_step(learning_rate, step)
        self.changed()

    def write(self, kind: StateKind, values: array[float]) -> None:
        super().write(kind, values)
        self.changed()

    def changed(self) -> None:
        if not self.training:
            self.copy = None

    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        self.decoder()
        self.training = True
        steps = super().train(documents, learning_rates, step)
        self.training = False
        return steps


class LossesOfTheFirstStep(Bulk):
    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        size = len(documents) // max(1, len(learning_rates))
        rows = self.losses(documents[:size])
        steps = super().train(documents, learning_rates, step)
        return Steps(steps.losses, rows, steps.tokens)


class CountsOneStep(Bulk):
    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        steps = super().train(documents, learning_rates, step)
        return Steps(steps.losses, steps.token_losses, sum(map(len, steps.token_losses)))


class UpdatesAllTheSame(Bulk):
    """Makes the update of a loss of inf, and stops only then."""

    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        steps = super().train(documents, learning_rates, step)
        if len(steps.losses) and not math.isfinite(steps.losses[-1]):
            self.adam_step(learning_rates[len(steps.losses) - 1], step + len(steps.losses) - 1)
        return steps


class KeepsQuietAboutTheLast(Bulk):
    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        steps = super().train(documents, learning_rates, step)
        if len(steps.losses) and not math.isfinite(steps.losses[-1]):
            return Steps(steps.losses[:-1], steps.token_losses, steps.tokens)
        return steps


class LeavesTheRest(Bulk):
    """Trains on as many documents as can be shared out."""

    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        count = len(learning_rates)
        even = len(documents) - len(documents) % count if count else 0
        return super().train(documents[: even or len(documents)], learning_rates, step)


class FindsOutLate(Bulk):
    """Looks at the documents of a step only when the step has come."""

    def train(self, documents: Documents, learning_rates: Sequence[float], step: int) -> Steps:
        count = len(learning_rates)
        if count and documents and len(documents) % count == 0:
            size = len(documents) // count
            for i in range(count - 1):
                one = documents[i * size : (i + 1) * size]
                super().train(one, learning_rates[i : i + 1], step + i)
        return super().train(documents, learning_rates, step)


# ---------------------------------------------------------------- prepare


class Threaded(VectorEngine):
    """Could use several threads."""

    threads = 1

    def use_threads(self, count: int) -> None:
        self.threads = count


class SumsByThread(Threaded):
    """Adds up what each thread has found, so that another number of threads rounds otherwise."""

    def loss_and_gradients(self, documents: Documents) -> list[list[float]]:
        rows: list[list[float]] = []
        sums = [0.0] * len(self.read("weights"))
        tokens = sum(min(len(one) - 1, self.config.block_size) for one in documents)
        size = -(-len(documents) // self.threads)
        for first in range(0, len(documents), size):
            found = super().loss_and_gradients(documents[first : first + size])
            share = sum(map(len, found)) / tokens
            sums = [s + share * g for s, g in zip(sums, self.read("gradients"), strict=True)]
            rows += found
        self.write("gradients", array("d", sums))
        return rows


class Prepared(VectorEngine):
    """An engine with `prepare`, without a fault."""

    def prepare(self, progress: Callable[[str, int, int], None]) -> None:
        for done in range(3):
            progress("compiling", done, 3)


class CannotBeCancelled(VectorEngine):
    def prepare(self, progress: Callable[[str, int, int], None]) -> None:
        try:
            progress("compiling", 0, 1)
        except Exception:
            return


class SaysPercent(VectorEngine):
    def prepare(self, progress: Callable[[str, int, int], None]) -> None:
        progress("compiling", 0.5, 1)  # type: ignore[arg-type]


# ---------------------------------------------------------------- hardly an engine


class NoLosses:
    """Written for an engine protocol of long ago."""

    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        inner = VectorEngine(config, optimizer, weights)
        self.config = config
        for name in ("loss_and_gradients", "adam_step", "decoder", "read", "write"):
            setattr(self, name, getattr(inner, name))


def needs_what_is_not_there(
    config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
) -> VectorEngine:
    """A factory whose heavy library is not installed."""
    import no_such_library  # type: ignore[import-not-found]

    return no_such_library.Engine(config, optimizer, weights)  # type: ignore[no-any-return]


class BeginsWithMoments(VectorEngine):
    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        super().__init__(config, optimizer, weights)
        self.write("second_moment", array("d", [1e-12] * len(weights)))
