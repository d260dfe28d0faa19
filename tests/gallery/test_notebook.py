"""The exporter `notebook`: what it writes is run from top to bottom, as a person would."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.hooks.builtins.script.notebook import Notebook
from playground.testing.made_up import run_exports

nbformat = pytest.importorskip("nbformat", reason="the gallery is not installed: make gallery")
nbclient = pytest.importorskip("nbclient", reason="the gallery is not installed: make gallery")


def test_a_notebook_trains_draws_the_loss_and_samples(tmp_path: Path) -> None:
    path = tmp_path / "run.ipynb"
    Notebook().export(run_exports()["a run of 100 steps"], path, lambda *_: None)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", ())]
    assert not [one for one in outputs if one.output_type == "error"]
    printed = "".join(one.text for one in outputs if one.output_type == "stream")
    assert "step   100 of 100 | loss " in printed and "sample 2: " in printed
    assert any("image/png" in one.get("data", {}) for one in outputs), "the curve"
