"""The training loop of tools/loop.c, compiled for one model: python tools/c_loop.py

Printed are the largest differences of losses and gradients from our vector engine's, for a few
models and both forms of the loop's products; exit code 1 if one is more than 1e-4. The losses are
those of five steps of training.
"""

from __future__ import annotations

import ctypes
import random
import shutil
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.parameters import initial_weights, parameter_count
from microgpt.vector_engine import VectorEngine

FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")
TOLERANCE = 1e-4
_INT = array("i").itemsize
Documents = Sequence[Sequence[int]]


class CLoop:
    """The loop for one model, with its weights. The weights are the library's own, so that each
    loop is compiled anew. Products are plain loops, or with `tiles` take four rows at a time, with
    sums in registers. Raises ImportError without a C compiler, CalledProcessError if the compiler
    refuses."""

    def __init__(self, config: ModelConfig, weights: array[float], *, tiles: bool) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise ImportError("there is no C compiler: cc is not on the path")
        self._block_size = config.block_size
        self._known: dict[int, bytes] = {}
        self._kept: list[Sequence[int]] = []
        sizes = {
            "C": config.n_embd, "H": config.n_head, "L": config.n_layer,
            "B": config.block_size, "V": config.vocab_size,
        }  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder) / "loop.so"
            source = Path(__file__).with_name("loop.c")
            macros = [f"-D{name}={value}" for name, value in sizes.items()]
            macros += ["-DTILES"] * tiles
            command = [compiler, *FLAGS, *macros, "-o", str(library), str(source), "-lm"]
            subprocess.run(command, check=True)
            self._library = ctypes.CDLL(str(library))  # stays open when the file is gone
        for name in ("loss_and_gradients", "train"):
            getattr(self._library, name).restype = ctypes.c_double
        assert self._library.parameters() == len(weights)
        self._parameters = len(weights)
        self._library.load((ctypes.c_double * len(weights))(*weights))

    def _flat(self, documents: Documents) -> tuple[bytes, bytes]:
        """The documents as ints, one after the other, and their lengths. A document that was seen
        before costs next to nothing, as in a loop that has read all of them already."""
        known, rows = self._known, []
        for document in documents:
            row = known.get(id(document))
            if row is None:
                row = array("i", document[: self._block_size + 1]).tobytes()
                known[id(document)] = row
                self._kept.append(document)  # so that no other object ever has its id
            rows.append(row)
        return b"".join(rows), array("i", [len(row) // _INT for row in rows]).tobytes()

    def loss_and_gradients(self, documents: Documents) -> tuple[float, list[float]]:
        """The mean loss of a batch, and its gradients in parameter order."""
        ids, lengths = self._flat(documents)
        loss = self._library.loss_and_gradients(ids, lengths, len(documents))
        found = (ctypes.c_double * self._parameters)()
        self._library.gradients(found)
        return loss, list(found)

    def adam_step(self, learning_rate: float, step: int) -> None:
        """Update the weights by the gradients that are there."""
        self._library.adam(ctypes.c_double(learning_rate), step)

    def train(self, documents: Documents, batch: int, learning_rate: float, step: int) -> float:
        """A step for each `batch` documents; returns the last mean loss."""
        ids, lengths = self._flat(documents)
        rate = ctypes.c_double(learning_rate)
        steps = len(documents) // batch
        return float(self._library.train(ids, lengths, steps, batch, rate, step))


def differences(config: ModelConfig, batch: int, *, tiles: bool) -> tuple[float, float]:
    """(of five losses, relative; of a gradient of the first step, relative to the largest)"""
    rng = random.Random(0)
    weights = initial_weights(config, rng)
    ours = VectorEngine(config, OptimizerConfig(), weights)
    theirs = CLoop(config, weights, tiles=tiles)
    losses, gradients = 0.0, 0.0
    for step in range(5):
        documents = [
            [rng.randrange(config.vocab_size) for _ in range(rng.randint(2, config.block_size + 1))]
            for _ in range(batch)
        ]
        every = [loss for one in ours.loss_and_gradients(documents) for loss in one]
        right = sum(every) / len(every)
        loss, found = theirs.loss_and_gradients(documents)
        losses = max(losses, abs(loss / right - 1))
        if step == 0:
            exact = ours.read("gradients")
            most = max(map(abs, exact))
            pairs = zip(found, exact, strict=True)
            gradients = max(abs(one - other) for one, other in pairs) / most
        ours.adam_step(0.001, step)
        theirs.adam_step(0.001, step)
    return losses, gradients


def main() -> int:
    """Print the differences; returns 0 if all are small."""
    worst = 0.0
    for config, batch in (
        (ModelConfig(27), 1),
        (ModelConfig(27, n_embd=32, n_head=2, n_layer=3, block_size=40), 1),
        (ModelConfig(70, n_embd=64, n_head=4, n_layer=2, block_size=32), 4),
    ):
        print(
            f"{config.n_embd} wide, {config.n_layer} layers, block_size {config.block_size}, "
            f"batch {batch}, {parameter_count(config):,} parameters:"
        )
        for form, tiles in (("plain", False), ("tiles", True)):
            losses, gradients = differences(config, batch, tiles=tiles)
            worst = max(worst, losses, gradients)
            print(f"    {form}: losses {losses:.1e}, gradients {gradients:.1e}")
    return int(not worst <= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
