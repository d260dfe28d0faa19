"""The exporter `page`: one HTML page that leads nowhere, and in which texts stay texts."""

from __future__ import annotations

import base64
import dataclasses
import math
import random
import re
import struct
import zlib
from array import array
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt.config import ModelConfig
from microgpt.parameters import parameter_count, parameter_layout
from playground.api import ExportError, RunData, RunExport, TextAnatomy
from playground.hooks.builtins.page import LARGEST, MATRICES, ROW, Page, page_of
from playground.hooks.builtins.page.pictures import CELLS, SIDE, chart, colour, heat_map, thinned
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


@pytest.mark.parametrize(
    "losses",
    [
        [math.nan] * 3,
        [math.inf, 1.0, -math.inf],
        [2.0],
        [1e300, 1],
        [1e17],
        [1.7e308, -1.7e308],
        [1e308] * 30,
    ],
)
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


def test_a_model_of_10_million_weights_fits_into_a_page() -> None:
    model = ModelConfig(vocab_size=1000, n_embd=256, n_head=8, n_layer=12, block_size=64)
    shapes = {one.name: (one.rows, one.columns) for one in parameter_layout(model)}
    count = parameter_count(model)
    rng = random.Random(1)
    noise = array("d", [rng.gauss(0, 1) for _ in range(50_021)])
    text = page_of(run(matrices=shapes, weights=noise * (count // len(noise) + 1)), None, "")
    assert count > 9_900_000 and 200_000 < len(text.encode()) < CELLS * 4 + 60_000
    assert "means of neighbours are drawn" in text
    assert f"{MATRICES} of {len(shapes)} matrices are shown" in text


def test_what_is_long_is_cut_to_fit_into_a_page() -> None:
    """All that a page has without end at its largest, in signs that take the most bytes."""
    long = "\U000e0001" * 5_000
    source = run().data()
    looked = source.anatomy(None)
    layers = [
        dataclasses.replace(looked.anatomy.layers[0], attn_weights=[[[0.0625] * 16] * 16] * 8)
    ]
    anatomy = TextAnatomy(
        dataclasses.replace(looked.anatomy, layers=layers * 12), (long,) * 16, (long,) * 16
    )
    data = dataclasses.replace(
        source,
        vocabulary=(long,) * 90,
        text=dataclasses.replace(source.text, name=long),
        anatomy=lambda _: anatomy,
    )
    rng = random.Random(1)
    export = run(
        run_name=long,
        how=long * 40,
        losses=[2.0 + step % 7 / 10 for step in range(2_000)],
        evaluations=[(step, 2.5) for step in range(2_000)],
        samples=[(step, long) for step in range(2_000) for _ in range(6)],
        edits=[(step, long) for step in range(2_000)],
        spec={**run().spec, **{f"{long}{number}": long for number in range(500)}},
        matrices={"wte": (90, 90), **{f"{long}{number}": (90, 90) for number in range(90)}},
        weights=array("d", [rng.gauss(0, 1) for _ in range(90 * 90 + 7)]) * 91,
    )
    text = page_of(export, data, "")
    assert len(text.encode()) < LARGEST
    for told in ("of 2,000 steps with samples", "of 96 heads", "of 2,000 changes",
                 "200 of 2,000 measured losses", "The command has 200,000 signs"):  # fmt: skip
        assert told in text, told
    Parsed(text)


def test_of_what_is_left_out_the_first_and_the_last_stay() -> None:
    samples = [(step, f"text {step}") for step in range(2_000)]
    page = parsed(run(samples=samples, evaluations=[(step, 2.5) for step in range(2_000)]))
    assert "text 0" in page.text and "text 1999" in page.text
    assert len(page.all("circle")) == 200 and "held out after step 1,999" in page.text


def test_one_wild_loss_does_not_falsify_the_mean_after_it() -> None:
    page = parsed(run(losses=[1e300, *[2.0] * 30]))
    assert "loss, mean of 20 steps2" in page.text
    line = next(one["d"] for one in page.all("path") if one.get("class") == "mean")
    assert line
    heights = {point.split()[1] for point in line[1:].split("L")}
    assert len(heights) == 2, "the mean with the wild loss, cut at the frame, and that of the rest"


def test_a_run_of_few_steps_is_a_line_through_its_losses() -> None:
    page = parsed(run(losses=[3.0, 2.0, math.nan, 2.5, 1.0]))
    line = next(one["d"] for one in page.all("path") if one.get("class") == "raw")
    assert line and [part.count("L") for part in line.split("M")[1:]] == [1, 1]


def test_what_a_fork_changed_is_told_and_what_nobody_knows() -> None:
    history = [
        {"step": 0, "field": "batch_size", "value": 8},
        {"step": 20, "field": "schedule", "value": {"name": "cosine", "options": {"floor": 0.1}}},
        {"step": 30, "field": "unknown", "value": "no record is left"},
        *run().history,
    ]
    text = parsed(run(history=history)).text
    told = ["0batch size 8", "20schedule name cosine, options.floor 0.1",
            "30the settings up to here are not known: no record is left",
            "40learning rate 0.005", "60head 1 of layer 0 cut"]  # fmt: skip
    places = [text.index(one) for one in told]
    assert places == sorted(places)


def test_the_rows_of_wte_have_the_tokens_beside_them() -> None:
    data = run().data()
    text = page_of(run(), data, "")
    rows = re.search(r'<div class="rows"><ol>(.*?)</ol><img [^>]*height="(\d+)" alt="wte', text)
    assert rows
    assert re.findall("<li>(.*?)</li>", rows[1]) == list(data.vocabulary)
    assert int(rows[2]) == ROW * len(data.vocabulary)
    style = files("playground.hooks.builtins.page").joinpath("style.css").read_text("utf-8")
    assert f".rows li {{ height: {ROW}px;" in style


@settings(deadline=None, max_examples=30)
@given(HOSTILE, HOSTILE)
def test_a_token_is_never_markup(token: str, name: str) -> None:
    def page(token: str, name: str) -> Parsed:
        source = run().data()
        looked = source.anatomy(None)
        anatomy = dataclasses.replace(looked, tokens=(token,) * len(looked.tokens))
        data = dataclasses.replace(
            source,
            vocabulary=(token,) * len(source.vocabulary),
            text=dataclasses.replace(source.text, name=name),
            anatomy=lambda _: anatomy,
        )
        return parsed(run(run_name=""), data)

    hostile = page(token, name)
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in page("t", "n").tags]
    assert all(sign.isprintable() or sign in "\n" for sign in hostile.text)
