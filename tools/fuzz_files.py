"""Damages checkpoints, run files and JSON texts at length, and reports what ends in a traceback.

    python tools/fuzz_files.py checkpoint|run|json [SECONDS] [SEED]

With atheris (`pip install atheris`) the damage is led by what it reaches in the code; without it,
by chance and by the seed. A file that goes wrong is written to the present folder. The tables of
crafted files are walked by `python -m tests.crafted.walk`.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

Use = Callable[[bytes], object]


def main(kind: str, seconds: float, seed: int) -> int:
    """Damage files of this kind; returns 1 if one went wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MICROGPT_PLAY_HOME"] = str(folder)
        try:
            import atheris
        except ImportError:
            return _by_chance(kind, *_target(kind, folder), seconds, seed)
        with atheris.instrument_imports(include=["playground.strict", "playground.lab"]):
            whole, use = _target(kind, folder)
        corpus = folder / "corpus"
        corpus.mkdir()
        (corpus / "whole").write_bytes(whole)
        options = [f"-max_total_time={seconds:.0f}", f"-seed={seed}", "-rss_limit_mb=1000"]
        atheris.Setup([sys.argv[0], *options, "-max_len=200000", str(corpus)], use)
        atheris.Fuzz()
    return 0


def _target(kind: str, folder: Path) -> tuple[bytes, Use]:
    """(a sound file, what uses one and raises for a fault of ours)."""
    from playground import strict
    from playground.hooks.manager import load
    from playground.hooks.sources import PluginSources
    from tests.crafted import checkpoints, runs, using

    registry = load(PluginSources(entry_points=False))
    base, file = folder / "base", folder / "x.microgpt-run"
    base.write_bytes(runs.sound())
    if kind == "checkpoint":
        words = folder / "words.txt"
        words.write_bytes(runs.text_of(base))
        return checkpoints.sound(words).joined(), lambda data: using.use_bytes(data, registry)
    if kind == "run":

        def imported(data: bytes) -> None:
            file.write_bytes(data)
            with using.a_store(folder) as store:
                using.use_run_file(file, store, registry)

        return runs.sound(), imported

    def read(data: bytes) -> None:
        try:
            strict.parsed(data.decode("utf-8", "replace"), "it")
        except strict.Refusal as error:
            assert len(str(error)) < 1000

    return checkpoints.sound(Path("/words")).metadata["sampling"].encode(), read


def _by_chance(kind: str, whole: bytes, use: Use, seconds: float, seed: int) -> int:
    rng = random.Random(seed)
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(min(len(data), rng.choice((100, 5000, 1 << 30))))
            part = rng.choice(
                (rng.randbytes(rng.randint(0, 8)), bytes(data[at // 2 : at // 2 + 9]))
            )
            data[at : at + rng.choice((0, 1, len(part)))] = part
            data = data or bytearray(b"x")
        count += 1
        began = time.process_time()
        try:
            use(bytes(data))
            slow = time.process_time() - began
            assert slow < 2, f"{slow:.1f} s"
        except Exception as error:
            file = Path(f"wrong-{kind}-{seed}-{count}")
            file.write_bytes(data)
            print(f"{file}: {type(error).__name__}: {error}")
            return 1
    print(f"{count:,} damaged files of the kind {kind}: each was used or refused")
    return 0


if __name__ == "__main__":
    kind, *rest = sys.argv[1:] or ["checkpoint"]
    seconds, seed = [*map(float, rest), 60.0, 0.0][: len(rest)] + [60.0, 0.0][len(rest) :]
    sys.exit(main(kind, seconds, int(seed)))
