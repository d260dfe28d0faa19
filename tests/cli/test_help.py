"""Help and listings: aligned, wrapped, and true."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playground.cli.commands import cli
from playground.cli.options import run_options
from playground.lab.spec import RunSpec
from tests.cli.conftest import Play

HELPS = [[], *([name] for name in cli.commands), ["plugins", "list"]]
LISTINGS = [["datasets"], ["tokenizers"], ["strategies"], ["engines"], ["plugins"]]


@pytest.fixture(autouse=True)
def eighty(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("words", HELPS, ids=lambda words: " ".join(words) or "microgpt-play")
def test_help_fits_eighty_columns_and_no_help_is_cut_off(play: Play, words: list[str]) -> None:
    done = play(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out == play(*words, "-h").out
    assert max(map(len, done.out.splitlines())) <= 80
    assert "..." not in done.out.replace("KNOB=VALUE ...", "").replace("ARGS]...", "").replace(
        "nord, ...", ""
    ).replace("`... tokenizers`", "")
    assert "RANGE" not in done.out and "<=x" not in done.out


def test_commands_are_listed_in_the_order_one_needs_them(play: Play) -> None:
    listed = play("--help").out.partition("Commands:")[2].split()
    places = [listed.index(word) for word in ("play", "train", "sample", "plugins")]
    assert places == sorted(places)


def test_the_defaults_that_help_names_are_those_of_a_run() -> None:
    spec = RunSpec().model_dump()
    spec = {**spec, **spec["model"], **spec["optimizer"]}

    @run_options
    def command() -> None: ...

    options = {param.opts[0]: param for param in command.__click_params__}  # type: ignore[attr-defined]
    assert len(options) == 18
    assert options.pop("--leave-out").help.endswith("(may be repeated).")
    spec["optimizer"] = spec["name"]
    assert "threads" not in spec, "they belong to the machine"
    assert options.pop("--threads").help.endswith("(1); no number depends on it.")
    for flag, param in options.items():
        default = spec.get(flag[2:].replace("-", "_"), "lines")
        default = default["name"] if isinstance(default, dict) else default
        assert param.help.endswith(f"({default})."), param.help


@pytest.mark.parametrize("words", LISTINGS, ids=lambda words: words[0])
def test_listings_are_aligned_and_wrapped(play: Play, words: list[str]) -> None:
    done = play(*words)
    assert (done.code, done.err) == (0, "")
    first, *lines = done.out.splitlines()
    assert first == "built in"
    assert max(map(len, lines)) <= 80
    texts = {len(line) - len(line.lstrip()) for line in lines if line.startswith(" " * 6)}
    assert len(texts) <= 1  # what goes on does so under where it began
    for line in lines:
        if not line.startswith(" "):
            continue  # whose the next ones are
        column = next(iter(texts), None)
        assert column is None or line[column - 2 : column] == "  "


def test_a_knob_is_listed_as_it_is_typed_with_its_range(play: Play) -> None:
    said = " ".join(play("strategies").out.split())
    assert "temperature=0.5 from 0.05 to 5; below 1 the likely" in said
    assert "top_k=off from 0 to 256; keep the k likeliest" in said
    said = " ".join(play("datasets").out.split())
    assert "split=lines one of lines, paragraphs, windows; what one document is" in said


def test_whoever_reads_from_a_pipe_gets_whole_lines(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    lines = play("strategies", "--no-plugins").out.splitlines()
    assert max(map(len, lines)) > 80
    assert len(lines) == 1 + len([line for line in lines if line.startswith("  ")])


def test_listings_as_json(play: Play) -> None:
    entries = json.loads(play("strategies", "--json").out)
    assert [entry["name"] for entry in entries][:2] == ["temperature", "top-k"]
    assert entries[0]["controls"][0]["maximum"] == 5
    catalog = json.loads(play("plugins", "list", "--json").out)
    assert catalog["plugins"][0]["name"] == "builtin"
    assert catalog["problems"] == []


def test_plugins_alone_lists_them(play: Play) -> None:
    assert play("plugins") == play("plugins", "list")
