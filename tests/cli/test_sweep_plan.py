"""The words of `microgpt-play sweep` as a plan, of which nothing is trained."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest

from playground.cli.sweep_plan import Wanted, made, varied
from playground.hooks.sources import PluginSources
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store
from playground.lab.store.sweeps import begin_sweep
from playground.lab.sweep.plan import Axis, Plan, Range, Search
from tests.cli.conftest import Play


def planned(*vary: str, draws: int | None = None, seed: int = 42, **said: object) -> Plan:
    return made(Wanted({"seed": seed, **said}, vary, 2, draws), PluginSources())


def test_a_range_is_two_numbers_of_the_kind_of_its_setting() -> None:
    found = varied(["learning-rate=0.003..3e-2", "n_embd=8 .. 32", "batch_size=1,2"], {})
    assert found == {
        "learning_rate": Range(0.003, 0.03, whole=False, log=True),
        "n_embd": Range(8, 32, whole=True, log=False),
        "batch_size": ["1", "2"],
    }


@pytest.mark.parametrize(
    ("vary", "told"),
    [
        ("n_embd=8..", "n_embd=8.. is no range. Write n_embd=LOW..HIGH"),
        ("n_embd=8..16..32", "is no range"),
        ("n_embd=8..16,32", "is no range"),
        ("n_embd=8..1.5", "n_embd must be a whole number, and 8..1.5 is not a range of these"),
        ("learning_rate=0.1..wide", "learning_rate must be a number, not 'wide'"),
        ("learning_rate=0.1..inf", "has no end"),
        ("learning_rate=0.1..0.01", "Write the smaller number first"),
    ],
)
def test_what_is_no_range_is_refused(vary: str, told: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        varied([vary], {})
    assert told in refused.value.message


def test_a_value_with_two_points_is_a_value_where_words_are_wanted() -> None:
    assert varied(["tokenizer=bpe:file=../x,char"], {}) == {"tokenizer": ["bpe:file=../x", "char"]}


def test_a_random_sweep_draws_from_ranges_as_many_settings_as_are_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = planned("learning_rate=0.001..0.1", "n_embd=8,16", draws=12)
    assert len({setting.values for setting in plan.settings}) == 12
    rates = [RunSpec.parse(setting.spec).optimizer.learning_rate for setting in plan.settings]
    assert rates == [float(setting.values[0][1]) for setting in plan.settings]
    assert plan == planned("learning_rate=0.001..0.1", "n_embd=8,16", draws=12)
    assert plan != planned("learning_rate=0.001..0.1", "n_embd=8,16", draws=12, seed=43)
    assert capsys.readouterr().err == ""


def test_draws_that_cannot_be_are_named_and_drawn_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = planned("n_embd=5..12", draws=3, **{"model.n_head": 4})
    assert {setting.words for setting in plan.settings} == {"n_embd=8", "n_embd=12"}
    err = capsys.readouterr().err
    assert "6 draws cannot be and are left out: n_embd=" in err and "and 1 more." in err
    assert "Only 2 different settings of 3 could be drawn." in err
    with pytest.raises(click.UsageError, match="No combination that was drawn can be: n_embd="):
        planned("n_embd=5..7", draws=3, **{"model.n_head": 4})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["--vary", "n_embd=8..32"], "--trials N, draw from it with --random N, or list values"),
        (["--trials", "5"], "say which, as in --vary learning_rate=0.003..0.03"),
        (["--vary", "n_embd=8,16", "--trials", "5", "--random", "5"], "leave one of them out"),
        (["--vary", "n_embd=8,16", "--trials", "5000"], "These are 15,000 runs"),
        (["--vary", "n_embd=8..16", "--random", "5000"], "These are 15,000 runs"),
        (["--resume", "1", "--trials", "2"], "--random, --trials and all settings"),
    ],
)
def test_what_cannot_be_is_refused(play: Play, home: Path, said: list[str], told: str) -> None:
    done = play("sweep", "--no-plugins", *said)
    assert done.code == 2 and told in done.err, done.err
    assert not (home / "data" / "runs.sqlite").exists()


def test_without_optuna_a_search_says_how_to_add_it(
    play: Play, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = play("sweep", "--vary", "n_embd=8..32", "--trials", "5", "--no-plugins")
    assert done.code == 1, done.err
    assert "There is nothing to search with. --trials needs Optuna, which is not" in done.err
    assert "pip install 'microgpt-play[search]'" in done.err
    assert not (home / "data" / "runs.sqlite").exists()


def test_without_optuna_a_search_does_not_go_on(
    play: Play, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    axes = (Axis("n_embd", "model.n_embd", between=Range(8, 32, whole=True, log=False)),)
    search = Search(axes, RunSpec().to_json(), 5)
    with Store.open(home / "data" / "runs.sqlite") as store:
        begin_sweep(store, Plan((), (1,), "", PluginSources(), search).to_json())
    done = play("sweep", "--resume", "1")
    assert done.code == 1 and "--trials needs Optuna, which is not installed" in done.err, done.err
