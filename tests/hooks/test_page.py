"""The exporter `page`: one HTML page that leads nowhere, and in which texts stay texts."""

from __future__ import annotations

import base64
import dataclasses
import math
import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.api import ExportError, RunData, RunExport
from playground.hooks.builtins.page import Page, page_of
from playground.hooks.builtins.page.pictures import SIDE, chart, colour, heat_map, thinned
from playground.testing.made_up import run_exports

VOID = {"meta", "img", "br"}
TRAINED = "a run of 100 steps"


class Parsed(HTMLParser):
    """What a browser makes of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [given for name, given in self.tags if name == tag]


def run(**changes: Any) -> RunExport:
    return dataclasses.replace(run_exports()[TRAINED], **changes)


def parsed(export: RunExport, data: RunData | None = None, lack: str = "") -> Parsed:
    return Parsed(page_of(export, data, lack))


def test_the_page_leads_nowhere_and_runs_nothing(tmp_path: Path) -> None:
    for export in run_exports().values():
        Page().export(export, tmp_path / "run.html", lambda *_: None)
        text = (tmp_path / "run.html").read_text(encoding="utf-8")
        page = Parsed(text)
        assert not {"script", "link", "iframe", "form", "a", "base", "object"} & {
            tag for tag, _ in page.tags
        }
        assert not re.search(r"https?:|url\(|@import|\bon\w+=", text)
        assert all(str(image["src"]).startswith("data:image/png;base64,")
                   for image in page.all("img"))  # fmt: skip
        [policy] = [one["content"] for one in page.all("meta") if "http-equiv" in one]
        assert policy and policy.startswith("default-src 'none'")


def test_what_the_page_tells_is_what_the_run_did() -> None:
    export = run()
    page = parsed(export, export.data())
    last = sum(export.losses[-20:]) / 20
    for told in (f"{last:.4f}", "2.4", "100 of 100", "4 + 1 held out", "a [b]/½", "anna",
                 "learning rate 0.005", "head 1 of layer 0 cut", str(export.how),
                 export.data().text.sha256, "optimizer.learning_rate", "0.01"):  # fmt: skip
        assert told in page.text, told
    heads = [one for one in page.all("svg") if one.get("class") == "head"]
    layers = export.data().anatomy(None).anatomy.layers
    assert len(heads) == sum(len(layer.attn_weights) for layer in layers)
    assert len(page.all("img")) == len(export.matrices)
    assert len(page.all("circle")) == len(export.evaluations)


HOSTILE = st.text(max_size=60) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</title>", "&lt;", "'",
     "--><svg/onload=1>", "\0\x1b[2J\u202e", "\ud800", "]]>", "{0}", "%s"]
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_text_of_the_run_is_never_markup(name: str, text: str, value: str) -> None:
    plain = run(run_name="n", samples=[(1, "t")], how="h", edits=[(1, "e")])
    hostile = run(
        run_name=name or "n",
        samples=[(1, text)],
        how=value or "h",
        edits=[(1, value)],
        spec={**plain.spec, "note": value},
        matrices={name or "m": (1, 1)},
        weights=plain.weights[:1],
    )
    harmless = dataclasses.replace(hostile, matrices={"m": (1, 1)})
    shape = [tag for tag, _ in parsed(harmless, lack="x").tags if tag != "br"]
    page = parsed(hostile, lack=text)
    assert [tag for tag, _ in page.tags if tag != "br"] == shape
    assert all(sign.isprintable() or sign in "\n" for sign in page.text)
    for _, given_ in page.tags:
        assert not any(attribute.startswith("on") for attribute in given_)


def test_the_lines_of_a_sample_are_lines() -> None:
    page = page_of(run(samples=[(1, "ab\ncd\\ne")]), None, "")
    assert "<li>ab<br>cd\\ne</li>" in page


def test_what_is_not_there_is_said() -> None:
    export = run(losses=[], evaluations=[], samples=[], weights=run().weights[:0], matrices={},
                 edits=[], how="", step=0)  # fmt: skip
    text = parsed(export, None, "The text is gone. Put it back").text
    for told in ("no step yet", "No texts were sampled", "The text is gone. Put it back",
                 "has no weights", "No one command"):  # fmt: skip
        assert told in text


def test_an_export_without_data_is_a_page_all_the_same(tmp_path: Path) -> None:
    def gone() -> RunData:
        raise ExportError("The text is gone", "Put it back.")

    Page().export(run(data=gone), tmp_path / "run.html", lambda *_: None)
    assert "The text is gone. Put it back." in (tmp_path / "run.html").read_text("utf-8")


@pytest.mark.parametrize("losses", [[math.nan] * 3, [math.inf, 1.0, -math.inf], [2.0], [1e300, 1]])
def test_no_loss_is_too_odd_to_draw(losses: list[float]) -> None:
    text = page_of(run(losses=losses, learning_rates=losses), None, "")
    assert "nan" not in text.lower() and "inf" not in re.sub("Attention|info", "", text)


@given(st.lists(st.floats(0.1, 9), min_size=2, max_size=300), st.integers(0, 299))
def test_a_dot_stands_at_its_value(losses: list[float], place: int) -> None:
    """Two dots whose values are apart stand apart the same way round, and within the frame."""
    at = 1 + place % len(losses)
    dots = [(at, min(losses)), (at, max(losses))]
    found = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', chart(1, losses, losses, dots, []))
    (left, low), (right, high) = ((float(x), float(y)) for x, y in found)
    assert left == right and 0 <= high <= low <= 300
    if max(losses) - min(losses) > 0.2:
        assert high < low


@given(st.integers(1, 300), st.integers(1, 300))
@settings(deadline=None, max_examples=20)
def test_a_heat_map_has_a_pixel_a_number_or_the_mean_of_neighbours(rows: int, columns: int) -> None:
    values = [((place * 7) % 11 - 5) / 5 for place in range(rows * columns)]
    matrix, block = thinned(values, rows, columns)
    assert len(matrix) == -(-rows // block) <= SIDE and len(matrix[0]) == -(-columns // block)
    first = [values[row * columns + column] for row in range(min(block, rows))
             for column in range(min(block, columns))]  # fmt: skip
    assert math.isclose(matrix[0][0], sum(first) / len(first), abs_tol=1e-12)
    png = base64.b64decode(heat_map(matrix, 1.0).partition(",")[2])
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (len(matrix[0]), len(matrix))
    start = png.index(b"IDAT")
    size = struct.unpack(">I", png[start - 4 : start])[0]
    pixels = zlib.decompress(png[start + 4 : start + 4 + size])
    assert tuple(pixels[1:4]) == colour(matrix[0][0], 1.0)
    assert len(pixels) == len(matrix) * (1 + 3 * len(matrix[0]))


def test_a_large_model_fits_into_a_page() -> None:
    """10 million weights and 100,000 steps."""
    export = run(
        losses=[2.0 + step % 7 / 10 for step in range(100_000)],
        learning_rates=[0.01] * 100_000,
        samples=[(step, "text " * 20) for step in range(0, 100_000, 50)],
        matrices={f"m{number}": (1, 64) for number in range(200)},
        weights=run().weights[:1] * (200 * 64),
    )
    text = page_of(export, export.data(), "")
    assert len(text.encode()) < 1_000_000
    assert "60 of 200 matrices" in text and "60 of 2,000 steps" in text
