"""How near the Numba engine comes to what one core of this processor can do.

Run as `.venv-gallery/bin/python tools/peak.py`, in the environment that `make gallery` makes;
`--json` prints the figures as JSON, `--precision float32` measures that form of the engine.
`main()` returns the exit code, `measure()` the figures.

The peak is that of multiplying and adding from registers alone: chains of
x = x a + b, so many side by side that none waits for another, and no memory in the loop. A
multiply-add counts as two operations. The operations of a step are counted from the formulas, see
`operations`; whatever an engine does beyond these counts nothing.

Peak, products and engine take turns, and a share is the median of the shares within one round,
so that a slow moment of the machine slows both of its sides. Time is time of the processor.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from microgpt import ModelConfig, OptimizerConfig
from microgpt.parameters import parameter_count
from playground.lab.bench import BenchModel, Model

ROUNDS = 15
SECONDS = 0.08
"""Seconds that each one works in a round."""
SQUARE = 256
"""Rows and columns of the matrices whose product alone is timed."""
RESTING_RATE = 1e-9
"""A learning rate at which an update has all its work, and the weights hardly move."""
WARM_UP = 300
"""Steps of training before the clock runs, so that weights and moments are those of a run."""
MODELS = (
    Model("the default model"),
    Model("n_embd 64, 2 layers, block_size 32", n_embd=64, n_layer=2, block_size=32),
    Model("n_embd 128, 2 layers, block_size 64", n_embd=128, n_layer=2, block_size=64),
)
Turn = Callable[[], tuple[float, float]]
"""Works for about SECONDS: the floating-point operations that were done, and the seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one model or product. Rates are in GFLOP/s: 10⁹ operations a second."""

    name: str
    operations: float
    """Operations of one step, on average over the documents, or of one product."""
    products: float
    """The share of operations in products with weight matrices, from 0 to 1."""
    seconds: float
    """Seconds of one step or one product: the median over the rounds."""
    rate: float
    share: float
    """The share of the peak, from 0 to 1: the median of the shares within a round."""
    update: float | None = None
    """Adam's share of the time, from 0 to 1, the weights turned for the next step included; for
    tiny models a little too high, since it is called step by step. None for a product."""


def operations(config: ModelConfig, tokens: int) -> dict[str, int]:
    """Floating-point operations of one training step on one document, by what they are for.

    tokens: T, the tokens predicted, at most block_size. Every +, -, *, /, exp, log and square root
    counts as one, although a processor takes much longer for some. Only the operations of the
    mathematics count: of attention, the half that looks back. Not counted: comparisons (relu,
    the maximum of a softmax), moving and transposing numbers, padding, whole numbers.

    V vocab_size, C n_embd, H n_head, L n_layer. A product of (m, k) with (k, n) has 2 m k n.
    """
    t, v, c = tokens, config.vocab_size, config.n_embd
    h, layers = config.n_head, config.n_layer
    pairs = t * (t + 1) // 2  # who looks at whom, in one head
    norms = 2 * layers + 1
    forward_products = 2 * t * (12 * layers * c * c + v * c)
    return {
        # Forward y = x wᵀ; backward dx = dy w and dw = dyᵀ x, each as much again.
        "products": 3 * forward_products,
        # q · k and Σ a v forward; da, dq, dk and dv backward: 2 C for each pair.
        "attention": layers * 6 * 2 * c * pairs,
        # Per head and pair: scale, less the maximum, exp, sum, divide; backward a da, its sum,
        # da less that, times a, scale. Of the logits: less the maximum, exp, sum, divide, and
        # in place of the backward pass times 1 / N; per token log, minus, the mean, p - 1.
        "softmax": layers * 10 * h * pairs + 5 * t * v + 4 * t,
        # Forward 2 C for the squares' sum, C to scale, and 4 for (mean + eps) ** -0.5; backward
        # 2 C for Σ y dy, 1 for its mean, 2 C for dy - y mean, C to scale.
        "norms": norms * t * (3 * c + 4 + 5 * c + 1),
        # Residuals forward and backward, twice a layer; the sum of both embeddings, and adding
        # each token's gradient to its rows of both.
        "sums": 4 * layers * t * c + 3 * t * c,
        # m: 3, v: 4, and the weight: root, plus eps, divide, times the rate, subtract.
        "adam": 12 * parameter_count(config),
    }


def _chains() -> int:
    """Vectors of 64 bytes at work at once: as many as the sums of a tile, for which the
    registers of this processor suffice. One that begins two multiply-adds a cycle, each done after
    four, needs eight registers at work; with more than it has, it would wait for memory."""
    from microgpt_play_numba.tiles import TILES

    return TILES.rows * TILES.vectors


def _kernels(precision: str) -> tuple[Callable[..., None], Callable[..., None]]:
    """(multiply_adds, products), compiled. Raises ImportError without the Numba engine."""
    from microgpt_play_numba import lanes
    from microgpt_play_numba.entries import MEMORIES
    from microgpt_play_numba.products import product
    from microgpt_play_numba.shape import WIDTHS
    from numba import float64, int64, njit, void

    pointer, width, memory = lanes.pointer, WIDTHS[precision], MEMORIES[precision]

    # Written out, so that each chain is a variable of its own, and can stay in a register.
    chains = range(_chains())
    lines = [
        "def chains(memory, numbers, factor, summand, times):",
        "    floats = pointer(memory, numbers)",
        "    a, b = splat(floats, factor), splat(floats, summand)",
        *(f"    x{i} = load(floats, {i * width})" for i in chains),
        "    for _ in range(times):",
        *(f"        x{i} = muladd(x{i}, a, b)" for i in chains),
        *(f"    store(floats, {i * width}, x{i})" for i in chains),
    ]
    namespace: dict[str, Any] = {
        name: getattr(lanes, name) for name in ("pointer", "splat", "load", "store", "muladd")
    }
    exec("\n".join(lines), namespace)

    def squares(memory, scratch, a, b, out, times):  # type: ignore[no-untyped-def]
        n, one, zero = int64(SQUARE), int64(1), int64(0)
        for _ in range(times):
            product(pointer(memory, scratch), pointer(memory, a), n, one, pointer(memory, b), n,
                    one, pointer(memory, out), n, n, n, n, zero)  # fmt: skip

    return (
        njit(void(memory, int64, float64, float64, int64))(namespace["chains"]),
        njit(void(memory, int64, int64, int64, int64, int64))(squares),
    )


def _peak(multiply_adds: Callable[..., None], precision: str) -> Turn:
    """Chains of x = x a + b, all of which come to rest at b / (1 - a)."""
    from microgpt_play_numba.buffers import MEMORIES, Buffer
    from microgpt_play_numba.shape import WIDTHS

    count = _chains() * WIDTHS[precision]
    numbers, memory = Buffer(count, precision), MEMORIES[precision](0, 0, 0)
    times = _fitting(lambda times: multiply_adds(memory, numbers.address, 0.5, 1.0, times))
    a, b = 1.0 - 2.0**-8, 2.0**-8

    def turn() -> tuple[float, float]:
        numbers.numbers[:] = range(count)
        began = time.process_time()
        multiply_adds(memory, numbers.address, a, b, times)
        seconds = time.process_time() - began
        # A number begun at i is off by aⁿ (i - 1), which is nothing by now.
        for i, x in enumerate(numbers.numbers):
            if not math.isclose(x, 1.0, rel_tol=1e-4):
                raise ArithmeticError(f"chain {i} ends at {x}: not all of it was computed")
        return 2.0 * count * times, seconds

    return turn


def _squares(products: Callable[..., None], precision: str) -> Turn:
    """The engine's own product, of matrices that the second cache holds."""
    from microgpt_play_numba.buffers import MEMORIES, Buffer
    from microgpt_play_numba.shape import WIDTHS, scratch

    sizes = (scratch(WIDTHS[precision]), *[SQUARE * SQUARE] * 3)
    buffers = [Buffer(size, precision) for size in sizes]
    _, a, b, out = buffers
    a.numbers[:], b.numbers[:] = 1.0, 2.0
    memory = MEMORIES[precision](0, 0, 0)

    def work(times: int) -> None:
        products(memory, *(buffer.address for buffer in buffers), times)

    times = _fitting(work)

    def turn() -> tuple[float, float]:
        began = time.process_time()
        work(times)
        seconds = time.process_time() - began
        if not (out.numbers == 2.0 * SQUARE).all():
            raise ArithmeticError("a product of ones and twos is wrong")
        return 2.0 * SQUARE**3 * times, seconds

    return turn


def _fitting(work: Callable[[int], object]) -> int:
    """How many times `work` is to be done to take about SECONDS."""
    times = 1
    while True:
        began = time.process_time()
        work(times)
        seconds = time.process_time() - began
        if seconds > SECONDS / 4:
            return max(1, int(times * SECONDS / seconds))
        times *= 2


class Steps:
    """The engine at work on one model, many steps in one call."""

    def __init__(self, model: Model, precision: str) -> None:
        from microgpt_play_numba.engine import NumbaEngine

        course = BenchModel(model)
        self.model = model
        self._engine = NumbaEngine(course.config, OptimizerConfig(), course.weights, precision)
        documents = course.timed
        block_size = course.config.block_size
        counts = [operations(course.config, min(len(d) - 1, block_size)) for d in documents]
        self.operations = statistics.fmean(sum(count.values()) for count in counts)
        self.products = sum(count["products"] for count in counts) / sum(
            sum(count.values()) for count in counts
        )
        self._engine.train(_round(documents, WARM_UP), array("d", [0.01]) * WARM_UP, 0)
        # A whole number of times all documents, so that each round does the same work.
        whole = len(documents)
        times = _fitting(lambda times: self._train(_round(documents, whole * times)))
        self._documents = _round(documents, whole * times)

    def _train(self, documents: Sequence[Sequence[int]]) -> None:
        rates = array("d", [RESTING_RATE]) * len(documents)
        done = self._engine.train(documents, rates, WARM_UP)
        if not (len(done.losses) == len(documents) and math.isfinite(done.losses[-1])):
            raise ArithmeticError(f"{self.model.name}: not all steps were done")

    def turn(self) -> tuple[float, float]:
        """Train for one `Turn`."""
        began = time.process_time()
        self._train(self._documents)
        return self.operations * len(self._documents), time.process_time() - began

    def update(self) -> float:
        """Seconds of one update alone, as of now."""
        # Few updates, since a moment that meets only gradients of 0 decays into numbers below the
        # normal ones (0.85 ** 4400), with which a processor is slow.
        updates = min(1000, max(1, len(self._documents) // 4))
        began = time.process_time()
        for _ in range(updates):
            self._engine.adam_step(RESTING_RATE, WARM_UP)
        return (time.process_time() - began) / updates


def _round(documents: Sequence[Sequence[int]], count: int) -> list[Sequence[int]]:
    return [documents[i % len(documents)] for i in range(count)]


def measure(rounds: int = ROUNDS, precision: str = "float64") -> tuple[list[float], list[Figures]]:
    """(the peak in each round, in GFLOP/s; the figures of all). Raises ImportError."""
    multiply_adds, products = _kernels(precision)
    peak = _peak(multiply_adds, precision)
    steps = [Steps(model, precision) for model in MODELS]
    product = _squares(products, precision)
    peaks: list[float] = []
    alone: list[float] = []
    rates: list[list[float]] = [[] for _ in steps]
    updates: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        peaks.append(_rate(peak))
        alone.append(_rate(product))
        for one, mine, adam in zip(steps, rates, updates, strict=True):
            mine.append(_rate(one.turn))
            adam.append(one.update() * mine[-1] * 1e9 / one.operations)
    title, count = f"a product, {SQUARE} x {SQUARE} x {SQUARE}", 2.0 * SQUARE**3
    figures = [_figures(title, count, 1.0, alone, peaks)]
    for one, mine, adam in zip(steps, rates, updates, strict=True):
        found = _figures(one.model.name, one.operations, one.products, mine, peaks)
        figures.append(dataclasses.replace(found, update=statistics.median(adam)))
    return peaks, figures


def _rate(turn: Turn) -> float:
    """The rate of a turn in GFLOP/s."""
    done, seconds = turn()
    return done / seconds / 1e9


def _figures(
    name: str, count: float, products: float, rates: list[float], peaks: list[float]
) -> Figures:
    rate = statistics.median(rates)
    share = statistics.median(one / peak for one, peak in zip(rates, peaks, strict=True))
    return Figures(name, count, products, count / rate / 1e9, rate, share)


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def main() -> int:
    """Print a small table, or JSON; the exit code is 1 if the Numba engine is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="all figures as JSON")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"turns of each ({ROUNDS})")
    parser.add_argument("--precision", choices=("float64", "float32"), default="float64")
    words = parser.parse_args()
    try:
        peaks, figures = measure(max(1, words.rounds), words.precision)
    except ImportError as error:
        print(
            f"{error}. This needs the Numba engine: `make gallery` installs it into .venv-gallery; "
            "then .venv-gallery/bin/python tools/peak.py",
            file=sys.stderr,
        )
        return 1
    best, median = max(peaks), statistics.median(peaks)
    if words.json:
        found = [dataclasses.asdict(one) for one in figures]
        print(json.dumps({"peak": {"best": best, "median": median}, "reached": found}, indent=2))
        return 0
    print(f"one core, multiply-adds from registers: {best:.1f} GFLOP/s at best,")
    print(f"{median:.1f} the median of {len(peaks)} rounds; shares are within a round\n")
    heads = ("operations", "in products", "time", "in Adam", "GFLOP/s", "share")
    print(f"{'':<36}" + "".join(f"{head:>13}" for head in heads))
    for one in figures:
        row = (
            f"{one.operations:,.0f}",
            f"{one.products:.0%}",
            _time(one.seconds),
            "" if one.update is None else f"{one.update:.0%}",
            f"{one.rate:.1f}",
            f"{one.share:.0%}",
        )
        print(f"{one.name:<36}" + "".join(f"{cell:>13}" for cell in row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
