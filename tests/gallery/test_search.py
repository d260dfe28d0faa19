"""Sweeps whose settings Optuna suggests."""

from __future__ import annotations

import json
import math
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest

from playground.cli.sweep_plan import Wanted, made
from playground.hooks.sources import PluginSources
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store
from playground.lab.store.sweeps import SweptRun, plan_of, runs_of
from playground.lab.sweep.importance import importances
from playground.lab.sweep.plan import Axis, Plan, Range, Search, Setting
from playground.lab.sweep.search import spec_at, suggestions

pytestmark = pytest.mark.skipif(
    find_spec("optuna") is None, reason="the gallery is not installed: make gallery"
)

DEADLINE = 90.0
WORDS = ("anna", "bob", "cleo", "dora", "emil", "fred", "gina", "hugo", "ines", "jana")
TINY = ("--n-head", "2", "--block-size", "4", "--steps", "4", "--eval-every", "2", "--no-plugins")
RATES = ("--vary", "learning_rate=0.003..0.3", "--vary", "n_embd=4,8", "--trials", "14")
SPACE = (*RATES, "--seeds", "1", *TINY)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return tmp_path / "home"


def begin(*words: str) -> subprocess.Popen[str]:
    """`microgpt-play sweep` at work."""
    said = [sys.executable, "-m", "playground", "sweep", *words]
    return subprocess.Popen(said, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sweep(*words: str, code: int = 0) -> tuple[str, str]:
    """What the command printed."""
    going = begin(*words)
    out, err = going.communicate(timeout=DEADLINE)
    assert going.returncode == code, err
    return out, err


def planned(*vary: str, **said: Any) -> Plan:
    """The plan of a search, of which nothing is trained."""
    return made(Wanted(said, vary, seeds=1, draws=None, trials=3), PluginSources())


def searched(home: Path, sweep: int) -> Plan:
    with Store.open(home / "data" / "runs.sqlite", create=False) as store:
        return Plan.parse(plan_of(store, sweep))


def recorded(home: Path, sweep: int) -> int:
    path = home / "data" / "runs.sqlite"
    if not path.exists():
        return 0
    with Store.open(path, create=False) as store:
        return len(runs_of(store, sweep))


def test_a_search_goes_the_same_way_with_any_number_of_jobs_and_after_a_kill(home: Path) -> None:
    """14 settings are past those drawn at random, so that the losses have decided the last ones."""
    one, _ = sweep("words.txt", *SPACE, "--jobs", "1", "--json")
    lines = [json.loads(line) for line in one.splitlines()]
    assert len({json.dumps(line["settings"]) for line in lines}) == 14
    assert all(0.003 <= line["settings"]["learning_rate"] <= 0.3 for line in lines)
    assert {line["settings"]["n_embd"] for line in lines} == {4, 8}

    killed = begin("words.txt", *SPACE, "--jobs", "2", "--json")
    some = random.Random(os.getpid()).randrange(1, 13)
    end = time.monotonic() + DEADLINE
    while recorded(home, 2) < some:
        assert time.monotonic() < end and killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=DEADLINE)
    kept = recorded(home, 2)
    two, _ = sweep("--resume", "2", "--jobs", "2", "--json")
    assert two == one, f"killed after {kept} runs"
    assert searched(home, 2).settings == searched(home, 1).settings


def test_what_cannot_be_is_said_and_not_trained(home: Path) -> None:
    _, err = sweep("words.txt", "--vary", "n_embd=5..8", "--trials", "3", "--seeds", "1", *TINY)
    plan = searched(home, 1)
    assert {setting.words for setting in plan.settings} == {"n_embd=6", "n_embd=8"}
    assert plan.search is not None and plan.search.over
    assert set(plan.search.refused) == {(("n_embd", "5"),), (("n_embd", "7"),)}
    assert re.search(r"not trained;( the first:)? n_embd=(5|7): n_embd \2 cannot be divided", err)
    assert "The search ends with 2 settings, because nothing new was suggested." in err
    table, err = sweep("--resume", "1")
    assert "2 settings x 1 seed, 2 runs, 2 of them done" in err and "suggested" not in err
    assert "tried 2 settings, and found the best with number" in table


def test_optuna_is_not_imported_before_it_is_asked() -> None:
    line = (
        "import sys, playground.cli.sweep, playground.lab.sweep.importance; "
        "sys.exit('optuna' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", line], check=False).returncode == 0


def test_where_nothing_can_be_nothing_is_searched() -> None:
    with pytest.raises(click.UsageError, match="No combination that was drawn can be: n_embd="):
        planned("n_embd=5,7,9", **{"model.n_head": 2})


def test_each_optimizer_has_its_usual_learning_rate_unless_one_is_said() -> None:
    def rates(*vary: str, **said: Any) -> list[float]:
        search = planned(*vary, **said).search
        assert search is not None
        more = tuple(("learning_rate", "0.2") for _ in vary[1:])
        specs = [spec_at(search, (("optimizer", name), *more)) for name in ("adam", "sgd")]
        assert [spec.optimizer.name for spec in specs] == ["adam", "sgd"]
        return [spec.optimizer.learning_rate for spec in specs]

    assert rates("optimizer=adam,sgd") == [0.01, 0.3]
    assert rates("optimizer=adam,sgd", **{"optimizer.learning_rate": 0.1}) == [0.1, 0.1]
    assert rates("optimizer=adam,sgd", "learning_rate=0.1..0.3") == [0.2, 0.2]


# ---------------------------------------------------------------- what is suggested

RANGE = Range(0.001, 1.0, whole=False, log=True)
AXES = (Axis("learning_rate", "optimizer.learning_rate", between=RANGE),)


def tried(rates: list[float]) -> Plan:
    base = RunSpec().to_json()
    settings = tuple(Setting((("learning_rate", str(rate)),), base) for rate in rates)
    return Plan(settings, (1, 2), "", PluginSources(), Search(AXES, base, 100))


def runs(rates: list[float], failed: float = math.inf) -> list[SweptRun]:
    """Two runs of each rate, best near 0.03; those above `failed` end early."""
    return [
        SweptRun(place, seed, 0, None, abs(math.log10(rate / 0.03)), 5 if rate > failed else 10, 10)
        for place, rate in enumerate(rates)
        for seed in (1, 2)
    ]


def suggested(rates: list[float], some: list[SweptRun], rounds: int = 6) -> list[float]:
    plan = tried(rates)
    assert plan.search is not None
    settings, refused = suggestions(plan, replace(plan.search, rounds=rounds), some)
    assert not refused
    return [float(setting.values[0][1]) for setting in settings]


def test_suggestions_are_near_the_best_and_depend_on_no_order_of_arrival() -> None:
    rates = [round(10 ** (-3 + place / 8), 6) for place in range(24)]
    found = suggested(rates, runs(rates))
    assert len(set(found)) == 4
    assert statistics.fmean(abs(math.log10(rate / 0.03)) for rate in found) < 0.35, found
    shuffled = runs(rates)
    random.Random(3).shuffle(shuffled)
    assert suggested(rates, shuffled) == found
    assert suggested(rates, runs(rates), rounds=7) != found, "each round has luck of its own"


def test_a_setting_with_a_failed_run_counts_as_worse_than_any_other() -> None:
    """All runs near the best rate fail, so that the search has to look elsewhere."""
    rates = [round(10 ** (-3 + place / 8), 6) for place in range(24)]
    found = suggested(rates, runs(rates, failed=0.01))
    assert max(found) < 0.03, found


def test_ped_anova_finds_the_setting_that_matters_and_prints_nothing(
    capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    source = random.Random(1)
    rates = [10 ** source.uniform(-3, 0) for _ in range(40)]
    plan = tried(rates)
    settings = [
        Setting((*one.values, ("n_layer", source.choice("12"))), one.spec) for one in plan.settings
    ]
    found = importances(replace(plan, settings=tuple(settings)), runs(rates))
    assert found is not None
    assert found.by == "Optuna's PED-ANOVA for the best 5 of 40 settings" and found.rest is None
    (first, share), (second, other) = found.shares
    assert (first, second) == ("learning_rate", "n_layer") and share > 0.8
    assert share + other == pytest.approx(1)
    assert capfd.readouterr() == ("", "") and not recwarn.list
