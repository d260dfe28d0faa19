"""The table of keys: each binding leads somewhere, and no two share an id."""

from __future__ import annotations

import inspect

import pytest
from textual.actions import parse
from textual.binding import Binding

from playground.tui.app import PlaygroundApp
from playground.tui.bindings import MAIN_BINDINGS, action_name
from playground.tui.dialogs import Dialogs
from playground.tui.panels.keybar import IMPORTANCE
from playground.tui.screens.main import MainScreen


def named(binding: Binding) -> str:
    return binding.id or binding.key


@pytest.mark.parametrize("binding", MAIN_BINDINGS, ids=named)
def test_the_action_of_a_key_exists_and_takes_its_arguments(binding: Binding) -> None:
    target, name, arguments = parse(binding.action)
    owner = PlaygroundApp if target == "app" else MainScreen
    method = getattr(owner, f"action_{name}")
    inspect.signature(method).bind(None, *arguments)


@pytest.mark.parametrize(
    "binding", [one for one in MAIN_BINDINGS if one.action.startswith("dialog(")], ids=named
)
def test_the_dialog_of_a_key_exists_and_needs_nothing_more(binding: Binding) -> None:
    _, _, (name,) = parse(binding.action)
    method = getattr(Dialogs, name)
    assert inspect.iscoroutinefunction(method)
    assert list(inspect.signature(method).parameters) == ["self"]


def test_no_two_keys_have_the_same_id() -> None:
    ids = [binding.id for binding in MAIN_BINDINGS]
    assert len(set(ids)) == len(ids)
    assert {"main.step", "main.speed.-1", "main.datasets", "main.log-axis", "main.leave"} <= {*ids}


def test_the_line_of_keys_ranks_keys_that_there_are() -> None:
    assert set(IMPORTANCE) <= {action_name(binding.action) for binding in MAIN_BINDINGS}
