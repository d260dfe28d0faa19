"""The cost of plugins at a start: `load()` with the built-ins, and with ten files beside them.

Each figure is the median CPU time of fresh processes, with and without files in turns. Pydantic,
which a worker imports anyway for its settings, is not counted; pluggy is.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BUILTINS_BUDGET, FILES_BUDGET = 30.0, 5.0
"""The promises, in ms."""
ROUNDS = 15

PLUGIN = """
from playground.api import Contribution, hookimpl

class Same:
    def transform(self, logits, context):
        return list(logits)

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="same-{number}", summary="changes nothing", factory=Same)
"""

MEASURE = """
import sys, time
import playground.lab.spec, microgpt.trainer  # what a worker needs, plugins or not
began = time.process_time()
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
imported = time.process_time()
registry = load(PluginSources(folder=sys.argv[1], loading=sys.argv[2], entry_points=False))
ended = time.process_time()
assert not registry.problems, registry.problems
print(1000 * (imported - began), 1000 * (ended - imported))
"""


def measure(folder: Path, loading: Path) -> tuple[float, float]:
    """The ms to import the manager, and the ms to load all plugins."""
    words = [sys.executable, "-P", "-c", MEASURE, str(folder), str(loading)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    first, second = map(float, done.stdout.split())
    return first, second


def main() -> dict[str, float]:
    """Milliseconds by name."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        empty, ten = root / "empty", root / "ten"
        for folder in (empty, ten):
            folder.mkdir()
        for number in range(10):
            (ten / f"same{number}.py").write_text(PLUGIN.format(number=number))
        without, beside = [], []
        for _ in range(ROUNDS):
            without.append(measure(empty, root / "loading"))
            beside.append(measure(ten, root / "loading"))
    importing = statistics.median(first for first, _ in without)
    loading = statistics.median(second for _, second in without)
    files = statistics.median(
        other - one for (_, one), (_, other) in zip(without, beside, strict=True)
    )
    return {
        "the manager, imported": importing,
        "the built-ins, loaded": loading,
        f"both (at most {BUILTINS_BUDGET:g})": importing + loading,
        f"ten files more (at most {FILES_BUDGET:g})": files,
    }


if __name__ == "__main__":
    for name, value in main().items():
        print(f"  {name:<34} {value:10.2f}")
