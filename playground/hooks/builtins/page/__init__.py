"""The exporter `page`: a run as one HTML page that needs nothing but itself.

pictures.py draws; style.css is the look. There is no script in the page and no address that leads
elsewhere, and a browser is told to load none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from microgpt.engine import Progress
from microgpt.tokenizer import UnknownTextError
from playground.api import Contribution, Exporter, ExportError, RunData, RunExport, hookimpl
from playground.hooks.builtins.page.pictures import (
    COLUMNS,
    LABEL,
    LEGEND,
    TOKEN,
    attention,
    chart,
    heat_map,
    number,
    side_of,
    thinned,
    words,
)

OVER = 20
"""Steps that the line of the chart is the mean of."""
TEXTS, AT_A_STEP = 60, 6
"""The most steps in the film strip, and texts of each."""
DOTS = 200
"""The most held-out losses in the chart, and rows of a table."""
T = TypeVar("T")
KNOWN = ' class="known"'
LONGEST = 300
"""Characters of the longest sample that is shown whole."""
MATRICES = 60
"""The most matrices that are drawn."""
_BY_TOKEN, ROW = ("wte", "lm_head"), 12
"""The matrices with a row a token, and the height of a row with a label, in pixels."""
POSITIONS, HEADS = 16, 32
"""The most tokens and heads of the attention that is drawn."""
LARGEST = 1_000_000
"""Bytes that no page has more of."""
_HEADS, _FILM, _TABLE = 240_000, 100_000, 40_000
"""Bytes of a section: what does not fit is left out, evenly, and the page says so. With the heat
maps (CELLS) they stay below LARGEST."""
_COMMAND = 10_000
"""The most signs of the command that is shown; a part of a command is none."""
_NAME, _VALUE = 200, 500
"""The most signs of a name and of a setting."""
_IN_EDITS = ("optimizer.learning_rate", "engine", "surgery", "hold")
"""What of a run's history its edits say in words."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Page:
    """The run as a page: its losses, weights, samples, attention and settings."""

    def export(self, run: RunExport, path: Path, progress: Progress) -> None:
        progress("reading the data", 0, 0)
        try:
            data, lack = run.data(), ""
        except ExportError as error:
            data, lack = None, f"{error.title}. {error.message}"
        progress("drawing", 0, 0)
        text = page_of(run, data, lack)
        path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def page_of(run: RunExport, data: RunData | None, lack: str) -> str:
    """The page. data: None if the data are not there; `lack` says why, then."""
    source = data.text.name if data is not None else name_of(run.spec.get("dataset"))
    title = run.run_name or source
    style = files("playground.hooks.builtins.page").joinpath("style.css").read_text("utf-8")
    sections = [
        _section("Loss", _losses(run, data)),
        _section("Samples", _samples(run, data)),
        _section("Attention", _attention(run, data, lack)),
        _section("Weights", _weights(run, data)),
        _section("Settings", _settings(run)),
        _section("Changes", _changes(run)),
        _section("Make it again", _again(run, data, lack)),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{words(title, _NAME)} · microgpt-play</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<header>\n<p>A GPT that was trained in microgpt-play</p>\n"
        f"<h1>{words(title, _NAME)}</h1>\n{_facts(run, data, source)}</header>\n<main>\n"
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def _section(heading: str, body: str) -> str:
    return f"<section>\n<h2>{heading}</h2>\n{body}\n</section>"


def _note(text: str) -> str:
    """A sentence that is the page's own; what of it is the run's is escaped before."""
    return f'<p class="note">{text}</p>'


def _facts(run: RunExport, data: RunData | None, source: str) -> str:
    """The few numbers that one wants first."""
    found: list[tuple[str, str]] = [("data set", words(source, _NAME))]
    if data is not None:
        found.append(("documents", f"{len(data.documents):,} + {len(data.held_out):,} held out"))
        found.append(("tokens", f"{len(data.vocabulary):,}"))
    if run.weights:
        found.append(("parameters", f"{len(run.weights):,}"))
    found += made_with(run.spec)
    found.append(("step", f"{run.step:,} of {number(run.spec.get('steps', run.step))}"))
    last = [loss for loss in run.losses[-OVER:] if math.isfinite(loss)]
    if last:
        over = f"mean of {len(last)} steps" if len(last) > 1 else "of one step"
        found.append((f"loss, {over}", number(mean(last), 5)))
    if run.evaluations:
        at, value = run.evaluations[-1]
        found.append((f"held-out loss after step {at:,}", number(value, 5)))
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in found)
    return f"<dl>{items}</dl>\n"


def made_with(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The model, the optimizer, the seed and the engine, as far as the settings have them."""
    model, optimizer = spec.get("model"), spec.get("optimizer")
    if isinstance(model, Mapping):
        named = (("n_layer", "layer", "layers"), ("n_head", "head", "heads"),
                 ("n_embd", "wide", "wide"),
                 ("block_size", "token of context", "tokens of context"))  # fmt: skip
        sizes = [f"{model[key]} {one if model[key] == 1 else many}" for key, one, many in named
                 if key in model]  # fmt: skip
        yield "model", words(", ".join(sizes), _NAME)
    if isinstance(optimizer, Mapping):
        told = f"{name_of(optimizer)}, rate {optimizer.get('learning_rate')}"
        yield "optimizer", words(told, _NAME)
    for name in ("seed", "engine"):
        if name in spec:
            yield name, words(str(spec[name]), _NAME)


# ------------------------------------------------------------ loss


def mean(values: Sequence[float]) -> float:
    return math.fsum(value / len(values) for value in values)  # the sum itself may be no number


def means(losses: Sequence[float]) -> list[float]:
    """For each loss the mean of the finite ones among the last OVER; NaN if there are none."""
    means = []
    for stop in range(1, len(losses) + 1):
        last = [loss for loss in losses[max(stop - OVER, 0) : stop] if math.isfinite(loss)]
        means.append(mean(last) if last else math.nan)
    return means


def levels(data: RunData | None) -> list[tuple[str, float]]:
    """What the losses are compared with: (name, nats) pairs."""
    if data is None or len(data.vocabulary) < 2:
        return []
    return [("blind guess", math.log(len(data.vocabulary)))]


def _losses(run: RunExport, data: RunData | None) -> str:
    measured = spread(run.evaluations, DOTS)
    drawn = chart(run.first_step, run.losses, means(run.losses), measured, levels(data))
    if not drawn:
        return _note("The run has no step yet, and no loss was measured.")
    thin = "the loss of each step"
    if len(run.losses) > COLUMNS:
        thin = "from the least to the largest loss of neighbouring steps"
    lost = sum(not math.isfinite(loss) for loss in run.losses)
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="The chart">{drawn}</div>\n'
        + _note(
            f"Nats a token, by steps. Thin: {thin}. Line: the mean of {OVER} steps. "
            "Dots: the loss on held-out texts."
            + (f" {lost:,} steps have a loss that is no number." if lost else "")
            + _part(len(measured), len(run.evaluations), "measured losses")
        )
        + _table(
            "The losses that were measured on held-out texts",
            ("step", "held-out loss"),
            [(f"{at:,}", number(value, 5)) for at, value in measured],
        )
    )


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that opens; its cells are text of the page already."""
    if not rows:
        return ""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f"<details><summary>{title}</summary><table><thead><tr>{top}</tr></thead>"
        f"<tbody>{body}</tbody></table></details>"
    )


# ------------------------------------------------------------ samples


def _samples(run: RunExport, data: RunData | None) -> str:
    batches: dict[int, list[str]] = {}
    for step, text in run.samples:
        batches.setdefault(step, []).append(text)
    if not batches:
        return _note("No texts were sampled from this run.")
    steps = sorted(batches)
    known = _known(data, {text for _, text in run.samples})

    def film(chosen: Sequence[int]) -> str:
        rows = []
        for step in chosen:
            texts = "".join(
                f"<li{KNOWN if text in known else ''}>{_sample(text)}</li>"
                for text in batches[step][:AT_A_STEP]
            )
            rows.append(f"<tr><th>{step:,}</th><td><ul>{texts}</ul></td></tr>")
        return f'<table class="film"><tbody>{"".join(rows)}</tbody></table>'

    drawn, count = _fitting(steps, TEXTS, _FILM, film)
    told = "What the model wrote after so many steps."
    if data is not None:
        told += " What is underlined stands in the data as it is."
    return drawn + _note(told + _part(count, len(steps), "steps with samples"))


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most so many of the items, evenly spread, with the first and, of several, the last."""
    if len(items) <= most:
        return list(items)
    return [items[place * (len(items) - 1) // max(most - 1, 1)] for place in range(most)]


def _fitting(
    items: Sequence[T], most: int, room: int, draw: Callable[[Sequence[T]], str]
) -> tuple[str, int]:
    """(what `draw` makes of at most `most` of the items, evenly spread, in `room` bytes; of how
    many). One item is drawn however long it is."""
    count = min(most, len(items))
    while True:
        drawn = draw(spread(items, count))
        if count <= 1 or len(drawn.encode()) <= room:
            return drawn, count
        count //= 2


def _part(count: int, of: int, what: str) -> str:
    """A sentence that says that not all are shown; "" if they are."""
    return f" {count:,} of {of:,} {what} are shown." if count < of else ""


def _known(data: RunData | None, texts: set[str]) -> set[str]:
    """Those of the texts that are documents of the data."""
    if data is None:
        return set()
    documents: Iterable[Sequence[str]] = (data.documents, data.held_out)
    return {text for part in documents for text in part if text in texts}


def _sample(text: str) -> str:
    shown = "<br>".join(map(words, text[:LONGEST].split("\n")))
    return (shown or "(an empty text)") + ("…" if len(text) > LONGEST else "")


# ------------------------------------------------------------ inside


def _attention(run: RunExport, data: RunData | None, lack: str) -> str:
    if data is None:
        return _note(f"The data of the run could not be read: {words(lack, _VALUE)}")
    try:
        found = data.anatomy(None)
    except (LookupError, UnknownTextError) as error:
        return _note(f"The text could not be computed: {words(str(error), _VALUE)}")
    tokens = found.tokens[:POSITIONS]
    heads = [
        (layer, head, [row[:POSITIONS] for row in weights[:POSITIONS]])
        for layer, made in enumerate(found.anatomy.layers)
        for head, weights in enumerate(made.attn_weights)
    ]
    if not heads:
        return _note("This model has no attention.")

    def draw(chosen: Sequence[tuple[int, int, list[Sequence[float]]]]) -> str:
        return "".join(
            f"<figure>{attention(rows, tokens, f'head {layer}.{head}')}"
            f"<figcaption>head {layer}.{head}</figcaption></figure>"
            for layer, head, rows in chosen
        )

    figures, count = _fitting(heads, HEADS, _HEADS, draw)
    text = "".join(tokens)
    told = f"How much each token of “{words(text, _VALUE)}” looks back at each, after step "
    told += f"{run.step:,}. A head is named by its layer and its number, from 0."
    if len(found.tokens) > len(tokens):
        told += f" The first {len(tokens)} of {len(found.tokens):,} tokens are shown."
    told += _part(count, len(heads), "heads")
    return f'<div class="heads">{figures}</div>' + _note(told)


def _weights(run: RunExport, data: RunData | None) -> str:
    if not run.weights:
        return _note("The export has no weights.")
    figures, start, largest = [], 0, 1
    drawn = list(run.matrices.items())[:MATRICES]
    side = side_of([shape for _, shape in drawn])
    vocabulary = data.vocabulary if data is not None else ()
    for name, (rows, columns) in drawn:
        values = run.weights[start : start + rows * columns]
        start += rows * columns
        matrix, block = thinned(values, rows, columns, side)
        largest = max(largest, block)
        finite = [abs(value) for row in matrix for value in row if math.isfinite(value)]
        most = max(finite, default=0.0)
        about = f"{rows:,} × {columns:,}, ±{number(most, 3)}"
        labels = vocabulary if name in _BY_TOKEN and len(vocabulary) == rows == len(matrix) else ()
        wide = high = max(2, min(10, 288 // max(len(matrix), len(matrix[0]))))
        if labels:
            wide, high = max(2, min(ROW, 240 // columns)), ROW
        image = (
            f'<img src="{heat_map(matrix, most)}" width="{wide * len(matrix[0])}" '
            f'height="{high * len(matrix)}" alt="{words(name, _NAME)}: {about}">'
        )
        figures.append(
            f"<figure>{_labelled(image, labels)}"
            f"<figcaption>{words(name, _NAME)}<span>{about}</span></figcaption></figure>"
        )
    told = "Each map has a scale of its own: the caption names, after ±, the number c that has the "
    told += "whole colour."
    if any("<ol>" in figure for figure in figures):
        told += " A row of wte or lm_head is a token's."
    elif vocabulary and "wte" in run.matrices:
        shown = " ".join(words(token, TOKEN) for token in vocabulary[:100])
        told += f" The rows of wte are the tokens, from above: {shown}"
        told += " …" if len(vocabulary) > 100 else "."
    if largest > 1:
        told += (
            f" Of matrices with more than {side} rows or columns, means of neighbours are drawn."
        )
    told += _part(len(drawn), len(run.matrices), "matrices")
    return LEGEND + f'<div class="maps">{"".join(figures)}</div>' + _note(told)


def _labelled(image: str, labels: Sequence[str]) -> str:
    """The image with a label beside each of its rows."""
    if not labels:
        return image
    items = "".join(f"<li>{words(label, LABEL)}</li>" for label in labels)
    return f'<div class="rows"><ol>{items}</ol>{image}</div>'


# ------------------------------------------------------------ how it was made


def _flat(spec: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in spec.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield (
                f"{above}{name}",
                ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value),
            )


def _rows(pairs: Sequence[tuple[str, str]]) -> str:
    return "".join(
        f"<tr><th>{words(name, _NAME)}</th><td>{words(value, _VALUE)}</td></tr>"
        for name, value in pairs
    )


def _settings(run: RunExport) -> str:
    pairs = list(_flat(run.spec))
    drawn, count = _fitting(pairs, len(pairs), _TABLE, _rows)
    left_out = _part(count, len(pairs), "settings")
    return f"<table>{drawn}</table>" + (_note(left_out.strip()) if left_out else "")


def _changes(run: RunExport) -> str:
    found = [
        (change["step"], _setting_in_words(change["field"], change["value"]))
        for change in run.history
        if change["field"] not in _IN_EDITS
    ]
    found = sorted([*found, *run.edits], key=lambda change: change[0])
    if not found:
        return _note("Nothing was changed while the run trained.")
    pairs = [(f"{step:,}", told) for step, told in found]
    drawn, count = _fitting(pairs, DOTS, _TABLE, _rows)
    return f"<table>{drawn}</table>" + _note(
        "What was set, cut or held by hand, or came with a fork, after so many steps. The learning "
        "rate and the engine in the settings are those that the run began with."
        + _part(count, len(found), "changes")
    )


def _setting_in_words(name: str, value: object) -> str:
    if name == "unknown":
        return f"the settings up to here are not known: {value}"
    if isinstance(value, Mapping):
        value = ", ".join(f"{key} {one}" for key, one in _flat(value))
    return f"{name.replace('_', ' ').replace('.', ' ')} {value}"


def _again(run: RunExport, data: RunData | None, lack: str) -> str:
    parts = []
    if len(run.how) > _COMMAND:
        parts.append(_note(f"The command has {len(run.how):,} signs, too many for this page."))
    elif run.how:
        parts.append(f"<pre><code>{words(run.how)}</code></pre>")
        parts.append(_note("This command trains the run again, to the same losses."))
    else:
        parts.append(_note("No one command is known that makes this run again."))
    if data is None:
        parts.append(_note(f"The data of the run could not be read: {words(lack, _VALUE)}"))
    elif data.text.sha256:
        parts.append(
            _note(
                f"The text is {words(data.text.name, _NAME)}, {data.text.size:,} bytes, with the "
                f"SHA-256 <code>{words(data.text.sha256, _NAME)}</code>."
            )
        )
    return "".join(parts)


def name_of(choice: object) -> str:
    """The name of a data set or an optimizer in the settings."""
    return str(choice.get("name", "run")) if isinstance(choice, Mapping) else "run"


@hookimpl
def microgpt_exporters() -> Iterator[Contribution[Exporter]]:
    yield Contribution(
        name="page",
        summary="one HTML page: losses, samples, attention, weights, settings",
        factory=Page,
    )
