"""The exporter `chart`: one SVG that stands alone, and in which texts stay texts."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.api import ExportError, RunExport
from playground.hooks.builtins.chart import Chart, ChartKnobs, Theme, chart_of
from playground.hooks.builtins.page import OVER
from playground.testing.made_up import run_exports

SVG = "{http://www.w3.org/2000/svg}"
RUN = run_exports()["a run of 100 steps"]


def said(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_it_has_title_axes_and_a_legend(tmp_path: Path) -> None:
    path = tmp_path / "chart.svg"
    Chart(ChartKnobs()).export(RUN, path, lambda *_: None)
    words = said(path.read_text("utf-8"))
    assert words[0] == RUN.run_name and "up to step 100" in words[1]
    assert {"step", "loss, nats a token", "each step", f"mean of {OVER} steps"} <= {*words}


@given(name=st.text(min_size=1, max_size=80), losses=st.lists(st.floats(), max_size=9))
def test_whatever_the_run_is_called_and_loses_it_is_well_formed_and_leads_nowhere(
    name: str, losses: list[float]
) -> None:
    run = dataclasses.replace(RUN, run_name=name, losses=losses)
    svg = chart_of(run, None, "auto")  # held-out losses are there to draw
    root = ElementTree.fromstring(svg)
    assert all(name.isprintable() for name in said(svg))
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
        "svg", "title", "desc", "style", "rect", "text", "g", "path", "circle", "line"
    }  # fmt: skip
    assert not any("href" in attribute for one in root.iter() for attribute in one.attrib)
    assert not re.search(r"url\(|@import|@font-face", root.findtext(f"{SVG}style") or "")


@pytest.mark.parametrize(
    ("theme", "light", "dark"),
    [("auto", True, True), ("light", True, False), ("dark", False, True)],
)
def test_the_theme_chooses_the_colours(theme: Theme, light: bool, dark: bool) -> None:
    svg = chart_of(RUN, None, theme)
    assert ("#fbfaf7" in svg, "#14171b" in svg) == (light, dark)


def empty() -> RunExport:
    return dataclasses.replace(RUN, losses=[math.nan], evaluations=())


def test_a_run_without_a_loss_is_refused() -> None:
    with pytest.raises(ExportError, match="nothing to draw"):
        chart_of(empty(), None, "light")
