"""`make bench`: measures the promises of the project on this machine, ratios first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import bench_plugins
import bench_screen
import bench_widgets


def main() -> int:
    """Print all figures; returns the exit code of `microgpt-play bench`."""
    print("== Engines", flush=True)
    code = subprocess.run([bench_screen.WITH_GALLERY, "-m", "playground", "bench"]).returncode
    if code > 1:
        return code  # interrupted
    print("\n== Widgets, CPU ms a refresh")
    bench_widgets.main()
    print("\n== Plugins at the start, CPU ms")
    for name, value in bench_plugins.main().items():
        print(f"  {name:<34} {value:10.2f}")
    print("\n== The screen, in a pseudo-terminal of 120x40")
    print("(launch from the command to the panels; keys and throughput under a flat-out run)")
    for name, value in bench_screen.main().items():
        print(f"  {name:<34} {value:10.3f}")
    print("\n== Recording", flush=True)
    here = Path(__file__).parent
    subprocess.run([bench_screen.WITH_GALLERY, here / "bench_recording.py"])
    print("\n== The store of runs, ms", flush=True)
    subprocess.run([sys.executable, here / "bench_store.py"])
    subprocess.run([sys.executable, here / "bench_runs.py"])
    return code


if __name__ == "__main__":
    sys.exit(main())
