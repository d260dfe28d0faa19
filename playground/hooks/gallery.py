"""What the gallery would add for those who have not installed it, and the command that adds it.

The gallery's plugins are distributions of their own, because they need libraries that the
playground does not. The picker lists them in their places, so that a person learns of them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from microgpt.shell import shell_word
from playground.catalog import Entry, Kind, Plugin, Problem
from playground.hooks.errors import describe


@dataclass(frozen=True, slots=True)
class Offer:
    """A contribution of the gallery."""

    kind: Kind
    name: str
    distribution: str
    """The name by which the plugin is installed; the playground's own for what is built in, and
    needs an extra."""
    folder: str
    """The plugin's folder in the project's plugins/; "" for what is built in."""
    summary: str
    extra: str = ""
    """The plugin's extra that brings the library."""


ORIGIN = "the gallery, not in use"

GALLERY = (
    Offer(
        "engine", "numpy", "microgpt-play-numpy", "numpy-engine",
        "matrix by matrix, on NumPy: about a thousand times the scalar engine",
    ),
    Offer(
        "engine", "numba", "microgpt-play-numba", "numba-engine",
        "compiled to machine code by Numba: the fastest; also in float32",
    ),
    Offer(
        "engine", "torch", "microgpt-play-torch", "torch-engine",
        "PyTorch, for wide models; also in float32, and on a GPU",
        extra="torch",
    ),
    *(
        Offer("dataset", name, "microgpt-play-wordlists", "wordlists", summary)
        for name, summary in (
            ("elements", "118 chemical elements, in the order of their numbers"),
            ("countries", "195 countries, by their common English names"),
            ("dinosaurs", "256 genera of dinosaurs"),
            ("rivers", "231 rivers of the world"),
        )
    ),
    Offer(
        "dataset", "makemore", "microgpt-play-makemore", "makemore",
        "the 32,033 names of Karpathy's makemore; downloads 228 kB once",
    ),
    Offer(
        "tokenizer", "bpe", "microgpt-play-bpe", "bpe",
        "byte-pair encoding: what often stands together becomes one token",
    ),
    *(
        Offer("strategy", name, "microgpt-play-typical", "typical", summary)
        for name, summary in (
            ("typical", "the tokens about as surprising as is to be expected here"),
            ("mirostat", "holds the surprise of the whole text at a target"),
        )
    ),
    *(
        Offer("strategy", name, "microgpt-play-contrast", "contrast", summary)
        for name, summary in (
            ("no-repeat-ngram", "no run of n tokens comes twice in a text"),
            ("presence-frequency", "a token is less likely for each time that it is there"),
        )
    ),
    Offer(
        "exporter", "tensorboard", "microgpt-play-tensorboard", "tensorboard",
        "a folder for TensorBoard: losses, metrics, weights, samples",
    ),
    Offer("exporter", "chart-png", "microgpt-play", "", "the losses as a PNG", extra="png"),
    *(
        Offer("writer", name, "microgpt-play-remote", "remote", summary)
        for name, summary in (
            ("openai", "a model behind an OpenAI-compatible address, here or elsewhere"),
            ("modelslab", "a model of ModelsLab's"),
        )
    ),
)  # fmt: skip

_SELF = "microgpt-play"
_PLUGINS = Path(__file__).parents[2] / "plugins"
"""The gallery's folder beside the packages; an installed copy of the playground has none."""


def offers(
    entries: Iterable[Entry], plugins: Sequence[Plugin], problems: Sequence[Problem]
) -> tuple[Entry, ...]:
    """The gallery's contributions that are not loaded, as entries whose `missing` says why."""
    there = {(entry.kind, entry.name) for entry in entries}
    found = {plugin.name: plugin for plugin in plugins}
    return tuple(
        Entry(
            offer.kind,
            offer.name,
            offer.distribution,
            ORIGIN,
            offer.summary,
            missing=_why(offer, found.get(offer.distribution), problems),
        )
        for offer in GALLERY
        if (offer.kind, offer.name) not in there
    )


def _why(offer: Offer, plugin: Plugin | None, problems: Sequence[Problem]) -> str:
    if offer.distribution == _SELF:
        return f"not installed; to add it: {install(f'{_SELF}[{offer.extra}]')}"
    if plugin is None:
        folder = _PLUGINS / offer.folder
        if not (folder / "pyproject.toml").is_file():
            return (
                f"not installed; it comes with the source of microgpt-play, as {offer.distribution}"
                f" in the folder {offer.folder} of its plugins: install that folder for {_python()}"
            )
        what = f"{_shorter(folder)}[{offer.extra}]" if offer.extra else _shorter(folder)
        return f"not installed; to add it: {install(what)}"
    if plugin.state == "disabled":
        return f"the plugin {plugin.name} is switched off"
    said = next((problem.message for problem in problems if problem.plugin == plugin.name), "")
    return f"the plugin {plugin.name} could not be loaded: {said or 'it contributes nothing'}"


def lacking(requires: Sequence[str]) -> str:
    """The first of these modules that cannot be found, in a sentence; "" if all are there. Nothing
    is imported, so of "a.b" only a is looked for."""
    for module in dict.fromkeys(name.partition(".")[0] for name in requires):
        try:
            if importlib.util.find_spec(module) is None:
                return f"needs {module}, which is not installed; to add it: {install(module)}"
        except (ImportError, ValueError, AttributeError) as error:
            return f"needs {module}, which cannot be looked for ({describe(error)})"
    return ""


def lacking_extra(extra: str, module: str) -> str:
    """Why an extra of the playground cannot be used, in words that follow "it"; "" if it can.
    module: the module of the extra, which is looked for and not imported."""
    if importlib.util.find_spec(module) is not None:
        return ""
    return f"needs {module}, which is not installed; to add it: {install(f'{_SELF}[{extra}]')}"


def install(what: str, *, editable: bool = False) -> str:
    """The command that adds a distribution to the Python that runs the playground."""
    words = f"{'-e ' if editable else ''}{shell_word(what)}"
    if importlib.util.find_spec("pip") is not None:
        return f"{_python()} -m pip install {words}"
    if shutil.which("uv") is not None:  # it makes environments without pip
        return f"uv pip install --python {_python()} {words}"
    return f"{_python()} -m ensurepip && {_python()} -m pip install {words}"


def _python() -> str:
    return shell_word(_shorter(Path(sys.executable)))


def _shorter(path: Path) -> str:
    """The path, relative to the working folder if it lies inside."""
    try:
        here = Path.cwd()
        return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)
    except OSError:
        return str(path)
