"""The views of `microgpt-play inside` as tables of plain text, made from what --json prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

from playground.cli.listing import echo_line, in_columns, terminal_width
from playground.widths import cell_len, chop_cells, fit, wrap
from playground.words import many

Column = Sequence[str]
"""The cells of one column of a table, one for each line of it."""

_WIDEST = 16
"""Columns that the name of a token takes, at most."""
_LONGEST = 60
"""Columns of the text that is read, at most."""
_LISTED = 20
"""Parts of a logit that are listed, the largest in size."""
_TOKENS = 8
"""Tokens that are listed of an opened neuron, on either side."""
_BAR = 24
"""Columns of the longest bar."""
_GAP = "  "


def print_view(shown: Mapping[str, Any]) -> None:
    """Print what one view shows. shown: the object that --json prints."""
    _say(_headline(shown))
    cut = [_cut(shown)] if "cuts" in shown else []
    for lines in (*cut, *_VIEWS[shown["view"]](shown)):
        click.echo()
        for line in lines:
            echo_line(line.rstrip())


def print_rank(shown: Mapping[str, Any]) -> None:
    """Print what each part of a model would cost. shown: the object that --json prints."""
    _say(_headline(shown))
    click.echo()
    heldout, cuts = shown["heldout"], shown["cuts"]
    _say(
        f"Without a part the loss on {heldout['documents']:,} held-out texts, "
        f"{number(heldout['loss'], 4)} nats a token, would change by:"
    )
    click.echo()
    named = max(cell_len(one["cut"]) for one in cuts)
    for one in cuts:
        delta, error = one["delta"], one["se"]
        line = f"{fit(one['cut'], named)}{_GAP}{signed(delta):>9}"
        if error is not None:
            line += f" ± {number(error, 4)}"
            line += f"{_GAP}within the noise" if abs(delta) < 2 * error else ""
        echo_line(line)


def print_patch(shown: Mapping[str, Any]) -> None:
    """Print how much of a text's answer each activation brings back. shown: the object that --json
    prints."""
    ends = shown["logit_difference"]
    _say(
        f"After {quoted(shown['text'])} the answer is {quoted(shown['answer'])}, after "
        f"{quoted(shown['other'])} it is {quoted(shown['other_answer'])}: the logit of the one "
        f"minus that of the other is {number(ends['text'])}, and {number(ends['other'])}."
    )
    _say(
        "One activation of the first run is put into the second, and the rest computed from there. "
        "How much of the way back each makes, from 0 to 1, by the letter read:"
    )
    click.echo()
    tokens = zip(shown["tokens"], shown["other_tokens"], strict=True)
    heads = [
        _display(one) if one == other else f"{_display(other)}→{_display(one)}"
        for one, other in tokens
    ]
    rows = shown["patch"]
    columns = [
        [head, *(f"{round(row['recovered'][place], 2) + 0.0:.2f}" for row in rows)]
        for place, head in enumerate(heads)
    ]
    for line in table(["", *(row["stage"] for row in rows)], columns):
        echo_line(line.rstrip())


def _cut(shown: Mapping[str, Any]) -> Lines:
    """What was done to the model, and what that costs."""
    losses, before = shown["losses"], shown["losses_before"]
    mean, was = math.fsum(losses) / len(losses), math.fsum(before) / len(before)
    said = [
        f"Done to the model: {', '.join(map(in_columns, shown['cuts']))}",
        f"This text: {number(was, 4)} before, {number(mean, 4)} after, {signed(mean - was)}",
    ]
    heldout = difference(shown["heldout"])
    if heldout:
        said.append(f"Held out: {heldout}")
    moved = [
        f"{quoted(one['token'])} {number(one['before'])} → {number(one['after'])}"
        for one in shown["next"][:_TOKENS]
    ]
    comes = "What comes next: "
    return [
        *(line for words in said for line in wrapped(words)),
        comes + _as_many_as_fit(moved, terminal_width() - len(comes)),
    ]


def difference(heldout: Mapping[str, Any] | None) -> str:
    """What is added to the loss on the held-out texts; "" if that is not known."""
    if heldout is None:
        return ""
    texts = f"{heldout['documents']:,} held-out texts"
    if not math.isfinite(heldout["delta"]):
        return f"the loss on {texts} is no number any more"
    error = "" if heldout["se"] is None else f" ± {number(heldout['se'], 4)}"
    noise = ", within the noise" if heldout["within_noise"] else ""
    return f"{signed(heldout['delta'])}{error} nats a token on {texts}{noise}"


def _say(text: str) -> None:
    for line in wrap(text, terminal_width()):
        echo_line(line)


def _headline(shown: Mapping[str, Any]) -> str:
    model = shown["model"]
    if "checkpoint" in model:
        where = in_columns(model["checkpoint"])
    else:
        name = in_columns(model["name"])
        where = f"Run {model['run']}" + (f" “{name}”" if name else "")
    losses = shown["losses"]
    loss = f"loss {number(math.fsum(losses) / len(losses), 4)} nats a token"
    read = in_columns(shown["text"])
    if cell_len(read) > _LONGEST:
        read = fit(read, _LONGEST)
    text = f"“{read}”" if shown["text"] else "nothing but the beginning"
    return f"{where}, step {model['step']:,} of {model['steps']:,}, reads {text}: {loss}"


# ---------------------------------------------------------------- the views, in parts


Lines = list[str]


def _flow(shown: Mapping[str, Any]) -> Iterator[Lines]:
    position, stages = shown["position"], shown["stages"]
    yield wrapped(
        f"All that is computed at position {position}, which reads {_reads(shown, position)}:"
    )
    names = [_stage_name(stage) for stage in stages]
    widths = [max(map(cell_len, column)) for column in (names, [one["shape"] for one in stages])]
    room = terminal_width() - sum(widths) - 2 * len(_GAP)
    yield [
        _GAP.join(
            [
                fit(name, widths[0]),
                fit(stage["shape"], widths[1]),
                _as_many_as_fit([number(value) for value in stage["values"]], room),
            ]
        )
        for name, stage in zip(names, stages, strict=True)
    ]


def _stage_name(stage: Mapping[str, Any]) -> str:
    parts = [f"layer {stage['layer']}" if stage["layer"] is not None else ""]
    parts += [f"head {stage['head']}" if stage["head"] is not None else "", stage["stage"]]
    return " ".join(filter(None, parts))


def _as_many_as_fit(words: Sequence[str], room: int) -> str:
    """The words side by side, "…" for those that have no room."""
    line = _GAP.join(words)
    while words and cell_len(line) > room:
        words = words[:-1]
        line = _GAP.join([*words, "…"])
    return line


def _attention(shown: Mapping[str, Any]) -> Iterator[Lines]:
    tokens = _displays(shown["tokens"])
    for layer, heads in zip(shown["layers"], shown["weights"], strict=True):
        for head, rows in zip(shown["heads"], heads, strict=True):
            labels = ["", *_numbered(tokens)]
            columns = [
                [token, *(number(row[at]) if at < len(row) else "" for row in rows)]
                for at, token in enumerate(tokens)
            ]
            yield [f"layer {layer} head {head}", *table(labels, columns)]
    yield wrapped(
        "Each row is a position, and says how much this head takes from each column: from the "
        "positions before it, and from itself. A row adds up to 1."
    )


def _depth(shown: Mapping[str, Any]) -> Iterator[Lines]:
    tokens, targets = _displays(shown["tokens"]), _displays(shown["targets"])
    stages = shown["stages"]
    labels = ["reads", "comes next", *(stage["stage"] for stage in stages)]
    columns = []
    for at, (token, target) in enumerate(zip(tokens, targets, strict=True)):
        cells = [stage["positions"][at] for stage in stages]
        best = ["–" if cell["token"] is None else _display(cell["token"]) for cell in cells]
        width = max(map(cell_len, best))
        columns.append(
            [
                token,
                target,
                *(
                    f"{fit(name, width)} {number(cell['target_probability'])}"
                    for name, cell in zip(best, cells, strict=True)
                ),
            ]
        )
    yield table(labels, columns)
    yield wrapped(
        "A cell is the likeliest token if the depth ended at this stage, and the probability of "
        "the token that comes next. The last stage is what the model says."
    )


def _credit(shown: Mapping[str, Any]) -> Iterator[Lines]:
    position, parts = shown["position"], shown["parts"]
    what = f"logit of {quoted(shown['token'])}"
    if "against" in shown:
        other = shown["against"]
        what += " minus the mean logit" if other == "mean" else f" minus that of {quoted(other)}"
    said = f"{what[:1].upper()}{what[1:]} after position {position}, {_reads(shown, position)}"
    yield wrapped(f"{said}; its probability is {number(shown['probability'])}:")
    values = [part["value"] for part in parts]
    listed = parts[:_LISTED]
    rows = [(in_columns(part["part"]), part["value"]) for part in listed]
    rest = values[_LISTED:]
    if rest:
        rows.append((f"the other {many(len(rest), 'part')}", math.fsum(rest)))
    sums = [(f"sum of {many(len(parts), 'part')}", math.fsum(values)), (what, shown["logit"])]
    longest = max((abs(value) for _, value in rows if math.isfinite(value)), default=0.0)
    named = max(cell_len(name) for name, _ in (*rows, *sums))
    written = max(len(signed(value)) for _, value in (*rows, *sums))
    room = terminal_width() - written - len(_GAP)
    named = max(8, min(named, room))
    bar = max(0, min(_BAR, room - named - len(_GAP)))

    def line(name: str, value: float, drawn: int) -> str:
        return f"{fit(name, named)}{_GAP}{signed(value):>{written}}{_GAP}{'█' * drawn}"

    yield [
        *(line(name, value, _cells(value, longest, bar)) for name, value in rows),
        *(line(name, value, 0) for name, value in sums),
    ]
    if rest:
        yield wrapped("The largest parts in size come first; --json gives all of them.")


def _cells(value: float, longest: float, room: int) -> int:
    return round(room * abs(value) / longest) if longest and math.isfinite(value) else 0


def _neurons(shown: Mapping[str, Any]) -> Iterator[Lines]:
    tokens = _displays(shown["tokens"])
    for layer, neurons in zip(shown["layers"], shown["activations"], strict=True):
        firing = [at for at, values in enumerate(neurons) if any(values)]
        labels = [f"layer {layer}", *(f"neuron {at}" for at in firing)]
        columns = [
            [token, *(number(neurons[j][at], 2) if neurons[j][at] else "·" for j in firing)]
            for at, token in enumerate(tokens)
        ]
        yield table(labels, columns)
        silent = len(neurons) - len(firing)
        if silent:
            yield wrapped(
                f"{silent} of {many(len(neurons), 'neuron')} never fire here, and write nothing."
            )
    if "opened" in shown:
        yield from _opened(shown["opened"])


def _opened(opened: Mapping[str, Any]) -> Iterator[Lines]:
    rows = [f"layer {opened['layer']} neuron {opened['neuron']}"]
    for key, most, least in (
        ("promotes", "promotes", "demotes"),
        ("wakes", "is woken by", "is quieted by"),
    ):
        ranked = opened[key]
        for words, some in ((most, ranked[:_TOKENS]), (least, ranked[: -_TOKENS - 1 : -1])):
            said = [f"{quoted(one['token'])} {signed(one['value'])}" for one in some]
            label = fit(words, 15)
            rows.append(label + _as_many_as_fit(said, terminal_width() - len(label)))
    yield rows


def _lines(shown: Mapping[str, Any]) -> Iterator[Lines]:
    position, source = shown["position"], shown["source"]
    yield wrapped(
        f"The lines of gpt as they are run at position {position}, which reads "
        f"{_reads(shown, position)}, each with what it makes:"
    )
    context = ""
    block: Lines = []
    for run in shown["lines"]:
        if run["context"] != context:
            if block:
                yield block
            context, block = run["context"], []
            if context:
                block.append(f"in {context}")
        statement = source[run["first"] : run["last"] + 1]
        indent = " " * (len(statement[0]) - len(statement[0].lstrip()))
        for line in (*statement, *(_made(indent, one) for one in run["made"])):
            block += chop_cells(in_columns(line), terminal_width())
    yield block


def _made(indent: str, made: Mapping[str, Any]) -> str:
    """A name that a line made, its shape and its numbers."""
    named = in_columns(f"{indent}  → {made['name']} {made['shape']}".rstrip())
    whole = not made["shape"] and all(map(float.is_integer, made["values"]))
    values = [number(value, 0 if whole else 3) for value in made["values"]]
    room = terminal_width() - cell_len(named) - len(_GAP)
    said = _as_many_as_fit(values or [in_columns(made["words"])], room)
    return f"{named}{_GAP}{said}"


_VIEWS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Lines]]] = {
    "flow": _flow,
    "attention": _attention,
    "depth": _depth,
    "credit": _credit,
    "neurons": _neurons,
    "lines": _lines,
}


# ---------------------------------------------------------------- tables


def table(labels: Sequence[str], columns: Sequence[Column]) -> Lines:
    """Labels on the left, right-aligned columns beside them; columns for which the terminal has no
    room stand below, again beside the labels."""
    labels = [in_columns(label) for label in labels]
    width = min(max(map(cell_len, labels)), max(terminal_width() // 2, 8))
    lines: Lines = []
    rest = list(columns)
    while rest:
        room, block = terminal_width() - width, list[tuple[Column, int]]()
        while rest:
            wide = max(map(cell_len, rest[0]))
            if block and wide + len(_GAP) > room:
                break
            room -= wide + len(_GAP)
            block.append((rest.pop(0), wide))
        lines += [""] if lines else []
        for at, label in enumerate(labels):
            cells = [fit(column[at], wide, right=True) for column, wide in block]
            lines.append(_GAP.join([fit(label, width), *cells]))
    return lines


def _numbered(tokens: Sequence[str]) -> list[str]:
    wide = len(str(len(tokens) - 1))
    return [f"{at:>{wide}} {token}" for at, token in enumerate(tokens)]


def wrapped(text: str) -> Lines:
    """The text in lines of the terminal's width."""
    return wrap(text, terminal_width())


def _reads(shown: Mapping[str, Any], position: int) -> str:
    return quoted(shown["tokens"][position])


def quoted(token: str) -> str:
    """A token in quotes, its name cut to a column's width."""
    return f"'{_display(token)}'"


def _displays(tokens: Sequence[str]) -> list[str]:
    return [_display(token) for token in tokens]


def _display(token: str) -> str:
    shown = in_columns(token)
    return fit(shown, _WIDEST) if cell_len(shown) > _WIDEST else shown


def number(value: float, digits: int = 3) -> str:
    """A number with so many digits behind the point; a huge one as a power of ten."""
    return f"{value:.{digits}f}" if abs(value) < 1e6 or value != value else f"{value:.4g}"


def signed(value: float) -> str:
    """A number with its sign and four digits behind the point."""
    return number(value, 4) if value < 0 else f"+{number(value, 4)}"
