"""Choosing data sets, tokenizers and strategies."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.style import Style
from textual import events
from textual.app import App, ComposeResult
from textual.content import Content
from textual.pilot import Pilot

from playground.catalog import Catalog
from playground.lab.protocol.sampling import Link
from playground.tui.control.sampling import Trial
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import KeyLine, Line
from playground.tui.screens.files.filetree import FileTree
from playground.tui.screens.files.paths import PathInput, candidates, completed
from playground.tui.screens.pick.chain import ChainScreen
from playground.tui.screens.pick.datasets import DatasetScreen
from playground.tui.screens.pick.lists import PickList
from playground.tui.screens.pick.tokenizers import TokenizerScreen
from playground.tui.widgets.control import Choice
from playground.tui.widgets.slider import Slider

SIZES = [(80, 24), (120, 40)]


def said(app: App[Any], selector: str) -> str:
    return app.screen.query_one(selector, Line).words


def listed(app: App[Any], selector: str) -> list[str]:
    """The lines of a list, as they stand on the screen."""
    widget = app.screen.query_one(selector)
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def previewed(pilot: Pilot[Any], words: str) -> None:
    """Wait until the preview of the file says so."""
    async with asyncio.timeout(60):
        while words not in said(pilot.app, "#dataset-preview"):
            await pilot.pause()


# ---------------------------------------------------------------- data sets


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("size", SIZES)
async def test_the_data_set_of_the_open_run_is_marked(
    model: PlaygroundModel, host: Callable[..., Any], size: tuple[int, int]
) -> None:
    app = host(DatasetScreen(model))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        lines = listed(app, "#picker-list")
        assert lines[0].startswith("● names")
        assert lines[1].startswith("  text-file")
        assert "[red]" in lines[2] or lines[2].endswith("…")  # never taken for markup
        assert "32,469 documents" in said(app, "#dataset-preview")
        await pilot.press("enter")
    assert app.answer == {"name": "names", "options": {}}


async def test_a_typed_path_is_previewed_and_opened(
    model: PlaygroundModel, host: Callable[..., Any], folder: Path
) -> None:
    (folder / "my.txt").write_text("one\ntwo\n\nthree\n")
    app = host(DatasetScreen(model))
    async with app.run_test(size=(80, 24)) as pilot:
        app.screen.query_one(PathInput).focus()
        await pilot.press(*"my.txt")
        await pilot.pause()
        await previewed(pilot, "my.txt   15 bytes, 3 lines")
        assert said(app, "#dataset-first") == "one\ntwo\nthree"
        await pilot.press("enter")
    assert app.answer == {"name": "text-file", "options": {"path": str(folder / "my.txt")}}


async def test_another_split_is_previewed_at_once(
    model: PlaygroundModel, host: Callable[..., Any], folder: Path
) -> None:
    (folder / "my.txt").write_text("one\ntwo\n\nthree is rather longer than that\n")
    app = host(DatasetScreen(model))
    async with app.run_test(size=(120, 40)) as pilot:
        app.screen.query_one(PathInput).value = "my.txt"
        await pilot.pause()
        await previewed(pilot, "lies beyond the first 16 characters")
        app.screen.query_one("KnobForm Choice", Choice).focus()
        await pilot.press("right", "right")
        await pilot.pause()
        await previewed(pilot, "3 windows")
        app.screen.query_one(PathInput).focus()
        await pilot.press("enter")
    options = {"path": str(folder / "my.txt"), "split": "windows"}
    assert app.answer == {"name": "text-file", "options": options}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "The file is empty"),
        (b"a\0b", "The file looks binary"),
        (b"caf\xe9 au lait", "The file is not UTF-8"),
        (b" \n\n", "The file holds no text"),
        (b"x" * 70_000 + b"\0", "one line fills all of the first 64 KB"),
        (b"\0" * 70_000, "The file looks binary"),
        (b"caf\xe9 " * 20_000, "The file is not UTF-8"),
    ],
)
async def test_a_file_that_cannot_be_used_is_explained(
    model: PlaygroundModel, host: Callable[..., Any], folder: Path, content: bytes, problem: str
) -> None:
    (folder / "bad.txt").write_bytes(content)
    app = host(DatasetScreen(model))
    async with app.run_test(size=(80, 24)) as pilot:
        app.screen.query_one(PathInput).value = "bad.txt"
        await pilot.pause()
        await previewed(pilot, problem)


async def test_pipes_devices_and_missing_files_are_named_and_never_waited_for(
    model: PlaygroundModel, host: Callable[..., Any], folder: Path
) -> None:
    os.mkfifo(folder / "pipe")
    app = host(DatasetScreen(model))
    async with app.run_test(size=(80, 24)) as pilot:
        for path, words in (
            ("pipe", "This is not a file"),
            ("/dev/zero", "This is not a file"),
            ("nowhere.txt", "There is no such file"),
            (".", "This is a directory"),
            ("x" * 400, "too long"),
        ):
            app.screen.query_one(PathInput).value = path
            await pilot.pause()
            await previewed(pilot, words)


async def test_odd_file_names_are_listed_as_they_are_and_can_be_opened(
    model: PlaygroundModel, host: Callable[..., Any], folder: Path
) -> None:
    names = ["[red]x.txt", "a b.txt", "new\nline.txt", "żółć.txt"]
    for name in names:
        (folder / name).write_text("text\n")
    (folder / ".hidden").write_text("text\n")
    app = host(DatasetScreen(model))
    async with app.run_test(size=(120, 40)) as pilot:
        tree = app.screen.query_one(FileTree)
        await tree.reload()
        labels = [str(node.label) for node in tree.root.children]
        assert labels == ["[red]x.txt", "a b.txt", "new⏎line.txt", "żółć.txt"]
        tree.focus()
        tree.move_cursor(tree.root.children[2])
        await pilot.press("enter")  # looks into it
        await pilot.pause()
        await previewed(pilot, "new⏎line.txt")
        tree.focus()
        await pilot.press("enter")  # opens it
        await pilot.pause()
    assert app.answer["options"]["path"] == str(folder / "new\nline.txt")


async def test_hidden_files_appear_when_asked_for(
    model: PlaygroundModel, host: Callable[..., Any], folder: Path
) -> None:
    (folder / ".hidden").write_text("text\n")
    (folder / "locked").mkdir(mode=0)
    app = host(DatasetScreen(model))
    async with app.run_test(size=(80, 24)) as pilot:
        tree = app.screen.query_one(FileTree)
        tree.focus()
        await pilot.press("full_stop")
        await tree.reload()
        assert [str(node.label) for node in tree.root.children] == ["locked", ".hidden"]
        tree.move_cursor(tree.root.children[0])
        await pilot.press("enter")  # a folder that may not be read: nothing happens
        await pilot.press("backspace")
        await pilot.pause()
        assert Path(tree.path) == folder.parent
    (folder / "locked").chmod(0o700)


@pytest.mark.usefixtures("folder")
async def test_opening_without_a_path_asks_for_one(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    app = host(DatasetScreen(model))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "enter")
        await pilot.pause()
        assert not app.answers
        assert isinstance(app.focused, PathInput)


@pytest.mark.usefixtures("folder")
async def test_knobs_of_a_plugin_data_set_are_part_of_the_answer(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    app = host(DatasetScreen(model))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "down")
        await pilot.pause()
        app.screen.query_one("KnobForm Choice", Choice).focus()
        await pilot.press("right")
        await pilot.pause()
        app.screen.query_one("#picker-list").focus()
        await pilot.press("enter")
    assert app.answer == {"name": "haiku", "options": {"season": "spring"}}


def test_tab_completes_as_far_as_it_is_certain(folder: Path) -> None:
    (folder / "books").mkdir()
    (folder / "books" / "emma.txt").touch()
    (folder / "books" / "emil.txt").touch()
    (folder / "books" / ".secret").touch()
    assert completed("bo") == "books/"
    assert completed("books/") == "books/em"
    assert completed("books/emm") == "books/emma.txt"
    assert completed("books/x") == "books/x"
    assert candidates("books/.") == ["books/.secret"]
    assert candidates("nowhere/") == []


async def test_tab_in_the_path_line_completes_then_moves_on(
    model: PlaygroundModel, host: Callable[..., Any], folder: Path
) -> None:
    (folder / "emma.txt").write_text("x\n")
    app = host(DatasetScreen(model))
    async with app.run_test(size=(80, 24)) as pilot:
        line = app.screen.query_one(PathInput)
        line.focus()
        await pilot.press("e", "tab")
        assert line.value == "emma.txt" and line.has_focus
        await pilot.press("tab")
        assert not line.has_focus


# ---------------------------------------------------------------- tokenizers


@pytest.mark.parametrize("size", SIZES)
async def test_a_tokenizer_is_explained_and_chosen(
    model: PlaygroundModel, host: Callable[..., Any], size: tuple[int, int]
) -> None:
    app = host(TokenizerScreen(model))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert "Now 27 tokens, 4,192 parameters" in said(app, "#tokenizer-note")
        await pilot.press("down")
        await pilot.pause()
        assert "257 tokens instead of 27: 11,552 parameters" in said(app, "#tokenizer-note")
        assert "“naïve cats” becomes" in said(app, "#picker-more")
        await pilot.press("enter")
    assert app.answer == {"name": "byte", "options": {}}


async def test_knobs_of_a_tokenizer_are_kept_while_one_looks_at_others(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    app = host(TokenizerScreen(model))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("end")
        await pilot.pause()
        app.screen.query_one("KnobForm Slider", Slider).focus()
        await pilot.press(*"250", "tab")
        await pilot.pause()
        app.screen.query_one("#picker-list").focus()
        await pilot.press("home", "end")
        await pilot.pause()
        assert app.screen.query_one("KnobForm Slider", Slider).value == 250
        await pilot.press("enter")
    assert app.answer == {"name": "bpe", "options": {"merges": 250}}


async def test_a_tokenizer_that_is_gone_is_said(
    make_model: Callable[..., PlaygroundModel], host: Callable[..., Any]
) -> None:
    model = make_model(tokenizer={"name": "[b]gone", "options": {}})
    app = host(TokenizerScreen(model))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert listed(app, "#picker-list")[0].startswith("  char")
        await pilot.press("escape")
    assert app.answer is None


async def test_with_nothing_installed_there_is_still_a_way_out(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    model.catalog = Catalog()
    app = host(TokenizerScreen(model))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "Nothing is installed" in said(app, "#picker-details")
        await pilot.press("enter", "escape")
    assert app.answer is None


# ---------------------------------------------------------------- the chain


def sheet(model: PlaygroundModel) -> ChainScreen:
    return ChainScreen(model, Trial(model.sampling.chain, lambda: None))


@pytest.mark.parametrize("size", SIZES)
async def test_links_are_switched_moved_and_removed(
    model: PlaygroundModel, host: Callable[..., Any], size: tuple[int, int]
) -> None:
    app = host(sheet(model))
    async with app.run_test(size=size) as pilot:
        await pilot.press("space", "shift+down", "down", "delete")
        await pilot.pause()
        lines = listed(app, "#picker-list")
        assert lines[0].split()[:3] == ["1", "●", "repetition-penalty"]
        assert lines[1].split()[:4] == ["2", "○", "temperature", "0.5"]
        await pilot.press("enter")
    assert [(link.name, link.enabled) for link in app.answer] == [
        ("repetition-penalty", True),
        ("temperature", False),
        ("top-p", True),
        ("min-p", True),
    ]


async def test_a_strategy_is_added_below_the_chosen_link(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    app = host(sheet(model))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("a", "end", "enter")
        await pilot.pause()
        assert app.focused is app.screen.query_one("#picker-list")
        await pilot.press("enter")
    assert [link.name for link in app.answer][:3] == [
        "temperature",
        "greedy",
        "repetition-penalty",
    ]


async def test_knobs_of_a_link_are_set(model: PlaygroundModel, host: Callable[..., Any]) -> None:
    app = host(sheet(model))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.screen.query_one("KnobForm Slider", Slider).focus()
        await pilot.press("right")
        await pilot.pause()
        assert "0.55" in listed(app, "#picker-list")[0]
        assert isinstance(app.focused, Slider)  # the control stays where it is
        app.screen.query_one("#picker-list").focus()
        await pilot.press("enter")
    assert app.answer[0] == Link("temperature", {"temperature": 0.55})
    assert app.answer[1:] == model.sampling.chain[1:]


async def test_a_strategy_that_is_not_installed_is_shown_as_such(
    model: PlaygroundModel, host: Callable[..., Any]
) -> None:
    model.sampling = model.with_chain([Link("old:[b]cold", {"power": 2})])
    app = host(sheet(model))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "old:[b]cold  ! not installed" in listed(app, "#picker-list")[0]
        assert "is not installed" in said(app, "#picker-details")
        await pilot.press("space", "enter")
    assert app.answer == (Link("old:[b]cold", {"power": 2}, enabled=False),)


async def test_an_empty_chain_is_allowed(model: PlaygroundModel, host: Callable[..., Any]) -> None:
    app = host(sheet(model))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*["delete"] * 6)
        await pilot.pause()
        assert "Empty" in said(app, "#chain-empty")
        await pilot.press("enter")
    assert app.answer == ()


async def test_a_click_only_looks(model: PlaygroundModel, host: Callable[..., Any]) -> None:
    app = host(sheet(model))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.click("#picker-list", offset=(8, 2))
        await pilot.pause()
        assert not app.answers
        assert said(app, "#picker-details").startswith("top-k")
        keys = app.screen.query_one(KeyLine)
        await pilot.click(keys, offset=(1, 0))  # enter keep
        await pilot.pause()
    assert app.answer == model.sampling.chain


async def test_a_click_on_an_option_that_has_just_gone_chooses_nothing() -> None:
    class One(App[None]):
        def compose(self) -> ComposeResult:
            yield PickList("one", "two", "three")

    app = One()
    async with app.run_test() as pilot:
        options = app.query_one(PickList)
        await pilot.pause()
        style = Style(meta={"option": 2})
        click = events.Click(options, 1, 2, 0, 0, 1, False, False, False, style=style)
        options.clear_options()
        options.post_message(click)
        await pilot.pause()
        assert app.is_running and options.highlighted is None


# ---------------------------------------------------------------- what a text needs


@pytest.mark.parametrize(("size", "shown"), [((80, 24), 5), ((200, 60), 15)])
async def test_as_many_documents_are_shown_as_have_room(
    model: PlaygroundModel,
    host: Callable[..., Any],
    folder: Path,
    size: tuple[int, int],
    shown: int,
) -> None:
    name = "a-file-whose-name-takes-more-than-the-columns-of-a-small-terminal.txt"
    (folder / name).write_text("".join(f"name {at}\n" for at in range(60)))
    screen = DatasetScreen(model)
    app = host(screen)
    async with app.run_test(size=size) as pilot:
        screen.query_one(PathInput).value = name
        await previewed(pilot, "60 lines")
        documents = screen.query_one("#dataset-first", Line)
        assert len(documents.words.split("\n")) >= shown
        about = said(app, "#dataset-preview").split("\n")[0]
        assert about.startswith(name) or about.endswith("…"), "cut, and said so"
        await pilot.pause()
        assert documents.size.height == len(documents.words.split("\n"))
        tree = screen.query_one(FileTree)
        lines = [tree.render_line(y).text.rstrip() for y in range(3)]
        assert name in lines[1] or lines[1].endswith("…"), "cut, and said so"


async def test_a_recipe_sets_split_and_context_and_the_preview_dims_what_is_not_seen(
    model: PlaygroundModel, host: Callable[..., Any], folder: Path
) -> None:
    (folder / "people.txt").write_text("maria del carmen lopez\nludwig van beethoven\n" * 3)
    screen = DatasetScreen(model)
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        screen.query_one(PathInput).value = "people.txt"
        await previewed(pilot, "beyond the first 16 characters")
        shown = screen.query_one("#dataset-first", Line).content
        assert isinstance(shown, Content)
        first = shown.spans[0]
        assert shown.plain[first.start : first.end] == " lopez"
        offers = said(app, "#dataset-offers")
        assert "It looks like lines with spaces" in offers and "lines of 23, " in offers
        screen.query_one("#dataset-recipe").focus()
        await pilot.press("right", "enter")
    assert app.answer["block_size"] == 23
    assert app.answer["options"] == {"path": str(folder / "people.txt")}


async def test_a_path_that_cannot_be_opened_keeps_the_dialog_and_what_was_typed(
    model: PlaygroundModel, host: Callable[..., Any], folder: Path
) -> None:
    (folder / "bad.safetensors").write_bytes(b"no model at all")
    (folder / "run.microgpt-run").write_bytes(b"a run")
    screen = DatasetScreen(model)
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        for typed, word in (("gone.txt", "✗"), ("bad.safetensors", "bad.safetensors")):
            screen.query_one(PathInput).value = typed
            await pilot.press("enter")
            await previewed(pilot, word)
            assert not app.answers and screen.query_one(PathInput).value == typed
        screen.query_one(PathInput).value = f" '{folder}/run.microgpt-run' "  # as it is dropped
        await previewed(pilot, "is a recorded run")
        await pilot.press("enter")
    assert app.answer == {"file": str(folder / "run.microgpt-run")}
