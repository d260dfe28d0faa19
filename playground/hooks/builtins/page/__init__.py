"""The exporter `page`: a run as one HTML page that needs nothing but itself.

pictures.py draws; style.css is the look. There is no script in the page and no address that leads
elsewhere, and a browser is told to load none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from microgpt.engine import Progress
from microgpt.tokenizer import UnknownTextError
from playground.api import Contribution, Exporter, ExportError, RunData, RunExport, hookimpl
from playground.hooks.builtins.page.pictures import (
    SIDE,
    attention,
    chart,
    heat_map,
    number,
    thinned,
    words,
)

OVER = 20
"""Steps that the line of the chart is the mean of."""
TEXTS, AT_A_STEP = 60, 6
"""The most steps in the film strip, and texts of each."""
KNOWN = ' class="known"'
LONGEST = 300
"""Characters of the longest sample that is shown whole."""
MATRICES = 60
"""The most matrices that are drawn."""
POSITIONS, HEADS = 16, 32
"""The most tokens and heads of the attention that is drawn."""
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
    source = data.text.name if data is not None else _name(run.spec.get("dataset"))
    title = run.run_name or source
    style = files("playground.hooks.builtins.page").joinpath("style.css").read_text("utf-8")
    sections = [
        _section("Loss", _losses(run, data)),
        _section("Samples", _samples(run, data)),
        _section("Attention", _attention(run, data, lack)),
        _section("Weights", _weights(run, data)),
        _section("Settings", _settings(run)),
        _section("Make it again", _again(run, data, lack)),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{words(title)} · microgpt-play</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<header>\n<p>A GPT that was trained in microgpt-play</p>\n"
        f"<h1>{words(title)}</h1>\n{_facts(run, data, source)}</header>\n<main>\n"
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
    found: list[tuple[str, str]] = [("data set", words(source))]
    if data is not None:
        found.append(("documents", f"{len(data.documents):,} + {len(data.held_out):,} held out"))
        found.append(("tokens", f"{len(data.vocabulary):,}"))
    if run.weights:
        found.append(("parameters", f"{len(run.weights):,}"))
    found.append(("step", f"{run.step:,} of {number(run.spec.get('steps', run.step))}"))
    mean = _means(run.losses)[-1:]
    if mean and math.isfinite(mean[0]):
        found.append((f"loss, mean of {min(OVER, len(run.losses))} steps", f"{mean[0]:.4f}"))
    if run.evaluations:
        at, value = run.evaluations[-1]
        found.append((f"held-out loss after step {at:,}", number(value, 5)))
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in found)
    return f"<dl>{items}</dl>\n"


# ------------------------------------------------------------ loss


def _means(losses: Sequence[float]) -> list[float]:
    """For each loss the mean of the finite ones among the last OVER."""
    means, total, count = [], 0.0, 0
    for place, loss in enumerate(losses):
        for value, sign in ((loss, 1), *([(losses[place - OVER], -1)] if place >= OVER else [])):
            if math.isfinite(value):
                total, count = total + sign * value, count + sign
        means.append(total / count if count else math.nan)
    return means


def _losses(run: RunExport, data: RunData | None) -> str:
    levels = []
    if data is not None and len(data.vocabulary) > 1:
        levels.append(("blind guess", math.log(len(data.vocabulary))))
    drawn = chart(run.first_step, run.losses, _means(run.losses), run.evaluations, levels)
    if not drawn:
        return _note("The run has no step yet, and no loss was measured.")
    lost = sum(not math.isfinite(loss) for loss in run.losses)
    return (
        f'<div class="wide">{drawn}</div>\n'
        + _note(
            "Nats a token, by steps. Thin: from the least to the largest loss of neighbouring "
            f"steps. Line: the mean of {OVER} steps. Dots: the loss on held-out texts."
            + (f" {lost:,} steps have a loss that is no number." if lost else "")
        )
        + _table(
            "The losses that were measured on held-out texts",
            ("step", "held-out loss"),
            [(f"{at:,}", number(value, 5)) for at, value in run.evaluations],
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
    chosen = _spread(sorted(batches), TEXTS)
    known = _known(data, {text for step in chosen for text in batches[step]})
    rows = []
    for step in chosen:
        texts = "".join(
            f"<li{KNOWN if text in known else ''}>{_sample(text)}</li>"
            for text in batches[step][:AT_A_STEP]
        )
        rows.append(f"<tr><th>{step:,}</th><td><ul>{texts}</ul></td></tr>")
    told = "What the model wrote after so many steps."
    if data is not None:
        told += " What is underlined stands in the data as it is."
    if len(chosen) < len(batches):
        told += f" {len(chosen):,} of {len(batches):,} steps with samples are shown."
    return f'<table class="film"><tbody>{"".join(rows)}</tbody></table>' + _note(told)


def _spread(steps: Sequence[int], most: int) -> list[int]:
    """At most so many of the steps, evenly spread, with the first and the last."""
    if len(steps) <= most:
        return list(steps)
    return [steps[round(place * (len(steps) - 1) / (most - 1))] for place in range(most)]


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
        return _note(f"The data of the run could not be read: {words(lack)}")
    try:
        found = data.anatomy(None)
    except (LookupError, UnknownTextError) as error:
        return _note(f"The text could not be computed: {words(str(error))}")
    tokens = found.tokens[:POSITIONS]
    heads = [
        (layer, head, [row[:POSITIONS] for row in weights[:POSITIONS]])
        for layer, made in enumerate(found.anatomy.layers)
        for head, weights in enumerate(made.attn_weights)
    ]
    if not heads:
        return _note("This model has no attention.")
    figures = "".join(
        f"<figure>{attention(rows, tokens, f'head {layer}.{head}')}"
        f"<figcaption>head {layer}.{head}</figcaption></figure>"
        for layer, head, rows in heads[:HEADS]
    )
    told = f"How much each token of “{words(''.join(tokens))}” looks back at each, after step "
    told += f"{run.step:,}. A head is named by its layer and its number, from 0."
    if len(found.tokens) > len(tokens):
        told += f" The first {len(tokens)} of {len(found.tokens):,} tokens are shown."
    if len(heads) > HEADS:
        told += f" {HEADS} of {len(heads):,} heads are shown."
    return f'<div class="heads">{figures}</div>' + _note(told)


def _weights(run: RunExport, data: RunData | None) -> str:
    if not run.weights:
        return _note("The export has no weights.")
    figures, start, largest = [], 0, 1
    for name, (rows, columns) in list(run.matrices.items())[:MATRICES]:
        values = run.weights[start : start + rows * columns]
        start += rows * columns
        matrix, block = thinned(values, rows, columns)
        largest = max(largest, block)
        finite = [abs(value) for row in matrix for value in row if math.isfinite(value)]
        most = max(finite, default=0.0)
        scale = max(2, min(10, 288 // max(len(matrix), len(matrix[0]))))
        about = f"{rows:,} × {columns:,}, ±{number(most, 3)}"
        figures.append(
            f'<figure><img src="{heat_map(matrix, most)}" width="{scale * len(matrix[0])}" '
            f'height="{scale * len(matrix)}" alt="{words(name)}: {about}">'
            f"<figcaption>{words(name)}<span>{about}</span></figcaption></figure>"
        )
    told = "Blue is below 0, amber above; the caption names the number that has the whole colour."
    if data is not None and "wte" in run.matrices:
        shown = " ".join(words(token) for token in data.vocabulary[:100])
        told += f" The rows of wte are the tokens, from above: {shown}"
        told += " …" if len(data.vocabulary) > 100 else "."
    if largest > 1:
        told += (
            f" Of matrices with more than {SIDE} rows or columns, means of neighbours are drawn."
        )
    if len(run.matrices) > MATRICES:
        told += f" {MATRICES} of {len(run.matrices):,} matrices are shown."
    return f'<div class="maps">{"".join(figures)}</div>' + _note(told)


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


def _settings(run: RunExport) -> str:
    rows = "".join(
        f"<tr><th>{words(name)}</th><td>{words(value)}</td></tr>" for name, value in _flat(run.spec)
    )
    done = "".join(f"<tr><th>{step:,}</th><td>{words(what)}</td></tr>" for step, what in run.edits)
    by_hand = f"<h3>Done by hand, after these steps</h3><table>{done}</table>" if done else ""
    return f"<table>{rows}</table>{by_hand}"


def _again(run: RunExport, data: RunData | None, lack: str) -> str:
    parts = []
    if run.how:
        parts.append(f"<pre><code>{words(run.how)}</code></pre>")
        parts.append(_note("This command trains the run again, to the same losses."))
    else:
        parts.append(_note("No one command makes this run: it was changed by hand, or is a fork."))
    if data is None:
        parts.append(_note(f"The data of the run could not be read: {words(lack)}"))
    elif data.text.sha256:
        parts.append(
            _note(
                f"The text is {words(data.text.name)}, {data.text.size:,} bytes, with the SHA-256 "
                f"<code>{words(data.text.sha256)}</code>."
            )
        )
    return "".join(parts)


def _name(choice: object) -> str:
    return str(choice.get("name", "run")) if isinstance(choice, Mapping) else "run"


@hookimpl
def microgpt_exporters() -> Iterator[Contribution[Exporter]]:
    yield Contribution(
        name="page",
        summary="one HTML page: losses, samples, attention, weights, settings",
        factory=Page,
    )
