"""What `play` does before the screen is there: this process imports no plugin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from playground.cli.play import _asked
from playground.hooks.sources import PluginSources
from playground.lab.protocol.choices import NamedChoices
from playground.lab.spec import RunSpec

DEADLY = "import os, pathlib; pathlib.Path(__file__).with_suffix('.seen').touch(); os._exit(0)"


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[PluginSources]:
    """A plugin folder with a plugin that ends the process, and leaves a trace first."""
    (tmp_path / "deadly.py").write_text(DEADLY)
    yield PluginSources(folder=str(tmp_path), entry_points=False)
    assert not (tmp_path / "deadly.seen").exists()


@pytest.mark.parametrize("field", ["dataset", "tokenizer", "schedule", "engine"])
@pytest.mark.parametrize("text", ["mine", "mine:x=1", "deadly:mine", "deadly:char", "linear:3", ""])
def test_what_may_be_a_plugins_is_left_to_the_worker(
    sources: PluginSources, field: str, text: str
) -> None:
    spec, sampling, said = _asked({field: text, "steps": 7}, (), sources)
    assert (sampling, said) == (None, NamedChoices({field: text}))
    assert RunSpec.parse(spec) == RunSpec(steps=7)


def test_a_chain_with_a_link_of_a_plugin_is_left_to_the_worker_whole(
    sources: PluginSources,
) -> None:
    chain = ("min-p:min_p=0.5", "mine")
    assert _asked({}, chain, sources)[1:] == (None, NamedChoices(strategies=chain))


def test_what_means_a_built_in_in_any_case_is_looked_up_at_once(sources: PluginSources) -> None:
    said = {"tokenizer": "char", "schedule": "builtin:linear", "engine": "scalar"}
    spec, sampling, later = _asked(said, ("min-p:min_p=0.5",), sources)
    assert later is None and RunSpec.parse(spec).engine == "scalar"
    assert sampling is not None
    assert [(one.name, one.options) for one in sampling.chain] == [("min-p", {"min_p": 0.5})]


@pytest.mark.parametrize(
    ("said", "strategies", "told"),
    [
        ({"tokenizer": "char:x=1"}, (), "cannot be set"),
        ({}, ("mine", "min-p:min_p=7"), "min_p"),
        ({"tokenizer": "mine", "steps": 0}, (), "--steps must be 1 or more"),
    ],
)
def test_a_mistake_that_no_plugin_can_mend_is_told_before_the_screen(
    sources: PluginSources, said: dict[str, object], strategies: tuple[str, ...], told: str
) -> None:
    with pytest.raises(click.UsageError, match=told):
        _asked(said, strategies, sources)


def test_where_there_is_no_plugin_to_import_every_mistake_is_told_before_the_screen(
    sources: PluginSources,
) -> None:
    without = PluginSources(folder=sources.folder, entry_points=False, disabled=("deadly",))
    for none in (without, PluginSources(entry_points=False)):
        with pytest.raises(click.BadParameter, match="did you mean 'char'"):
            _asked({"tokenizer": "chra"}, (), none)
        with pytest.raises(click.BadParameter, match="did you mean 'top-p'"):
            _asked({}, ("top-q",), none)
