"""`make bench`: what the project promises, measured on this machine, ratios first."""

from __future__ import annotations

import os
import platform
import sys

import bench_engines
import bench_screen
import bench_widgets


def main() -> None:
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, {platform.machine()}\n")
    print("== Engines")
    bench_engines.main([])
    print("\n== Widgets, CPU ms a refresh")
    bench_widgets.main()
    print("\n== The screen, in a pseudo-terminal of 120x40")
    print("(launch from the command to the panels; keys and throughput under a flat-out run)")
    for name, value in bench_screen.main().items():
        print(f"  {name:<34} {value:10.3f}")


if __name__ == "__main__":
    sys.exit(main())
