"""The exporter `notebook`: the script of a run in cells, and the losses drawn.

The file is JSON in the format of notebooks, version 4.5 (nbformat.readthedocs.io), which takes no
library to write.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microgpt.engine import Progress
from playground.api import RunExport
from playground.hooks.builtins.script.plan import plan_of
from playground.hooks.builtins.script.template import filled

_SECTION = re.compile(r"^# -+ (.+)$", re.MULTILINE)


def cells(source: str) -> Iterator[tuple[str, str]]:
    """The (heading, code) of each section of a script, its docstring first, with no code. What the
    script imports is part of the first section."""
    text = ast.get_docstring(ast.parse(source)) or ""
    yield text, ""
    head, *parts = _SECTION.split(source[source.index('"""', 3) + 3 :])
    for number, (heading, code) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
        code = head + code if number == 0 else code
        yield f"## {heading[:1].upper()}{heading[1:]}", code.strip("\n")


class Notebook:
    """The run as a Jupyter notebook (.ipynb), which trains it again and draws the losses."""

    def export(self, run: RunExport, path: Path, progress: Progress) -> None:
        progress("reading the data", 0, 0)
        plan = plan_of(run, notebook=True)
        progress("writing the notebook", 0, 0)
        made: list[dict[str, Any]] = []
        for number, (heading, code) in enumerate(cells(filled(plan.facts, plan.values))):
            made.append(_cell(len(made), heading if number else _escaped(heading)))
            if code:
                cell = _cell(len(made), code)
                made.append({**cell, "cell_type": "code", "execution_count": None, "outputs": []})
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = {
            "cells": made,
            "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _cell(number: int, source: str) -> dict[str, Any]:
    """A cell of Markdown. Its id follows from its place: the same run makes the same file."""
    return {
        "cell_type": "markdown",
        "id": f"cell-{number}",
        "metadata": {},
        "source": source.splitlines(keepends=True),
    }


def _escaped(text: str) -> str:
    """A text as Markdown, in which nothing is a mark of Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>()#+.!|&~$^=-])", r"\\\1", text)
