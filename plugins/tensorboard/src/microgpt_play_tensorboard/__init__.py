"""An exporter of runs to TensorBoard's event files.

TensorBoard takes a second to import and comes with NumPy, so neither is touched before a run is
exported.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from playground.api import Contribution, Exporter, Knob, Knobs, Progress, RunExport, hookimpl

__all__ = ["TensorBoard", "TensorBoardKnobs", "microgpt_exporters"]


class TensorBoardKnobs(Knobs):
    histograms: bool = Knob(True, help="also how the weights of each matrix are spread")
    samples: bool = Knob(True, help="also the texts that were sampled")


class TensorBoard:
    """Writes a folder with one event file: a log directory of TensorBoard."""

    def __init__(self, knobs: TensorBoardKnobs) -> None:
        self.knobs = knobs

    def export(self, run: RunExport, path: Path, progress: Progress) -> None:
        """See playground.api.Exporter."""
        from microgpt_play_tensorboard.events import write

        write(run, path, progress, histograms=self.knobs.histograms, samples=self.knobs.samples)


@hookimpl
def microgpt_exporters() -> Iterator[Contribution[Exporter]]:
    yield Contribution(
        name="tensorboard",
        summary="a folder for TensorBoard: losses, metrics, weights, samples",
        factory=TensorBoard,
        knobs=TensorBoardKnobs,
        requires=("tensorboard",),
    )
