"""docs/plugins.md and docs/hooks/: each page is compared with the code, and every plugin that a
page shows is loaded, made, and put to work."""

from __future__ import annotations

import json
import math
import os
import random
import re
import subprocess
import sys
import tomllib
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from microgpt import ModelConfig, OptimizerConfig, initial_weights
from playground import api
from playground.catalog import HOOKS
from playground.hooks import api_version, switched_off
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources, import_path
from playground.lab.client.events import Limits
from playground.testing import contribution_checks, run_checks
from playground.testing.taught import NAMES, Taught
from playground.tui.bindings import MAIN_BINDINGS, action_name
from tests.docs_helpers import (
    ROOT,
    assert_links_lead_somewhere,
    assert_understood,
    blocks,
    commands,
    tool,
)

GUIDE = ROOT / "docs" / "plugins.md"
TEXT = GUIDE.read_text(encoding="utf-8")
SCRIPT = Path(sys.executable).parent / "microgpt-play"
HOOK_PAGES = ROOT / "docs" / "hooks"
CONFIG = ModelConfig(vocab_size=3, n_embd=4, n_head=2, block_size=4)


@pytest.fixture(scope="module")
def maker() -> Iterator[ModuleType]:
    with tool("make_hook_docs") as module:
        yield module


def page(hook: str) -> str:
    return (HOOK_PAGES / f"{hook}.md").read_text(encoding="utf-8")


def registry_of(code: str, folder: Path, name: str = "shown.py") -> Registry:
    """The built-ins and a plugin with this code, saved to a file and loaded without a problem."""
    file = folder / name
    file.write_text(code, encoding="utf-8")
    registry = load(PluginSources(files=(str(file),), entry_points=False))
    assert registry.problems == ()
    return registry


def context(vocab_size: int, *tokens: int) -> api.SampleContext:
    bos = vocab_size - 1
    return api.SampleContext((bos, *tokens), 1, bos, vocab_size, 16, 0, random.Random(1))


# ---------------------------------------------------------------- the pages about hooks


def test_the_pages_say_what_the_code_says(maker: ModuleType) -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in HOOK_PAGES.glob("*.md")}
    made = maker.pages()
    stale = [name for name in made.keys() | there.keys() if made.get(name) != there.get(name)]
    assert stale == [], "run `make docs` and commit docs/hooks"


def test_every_hook_has_its_page_and_its_place_in_the_index() -> None:
    assert {path.stem for path in HOOK_PAGES.glob("*.md")} == {*HOOKS, "README"}
    index = page("README")
    for hook in HOOKS:
        assert f"[{hook}]({hook}.md)" in index


def test_a_changed_docstring_makes_another_page(
    maker: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = maker.pages()
    doc = maker.specs.microgpt_panels.__doc__
    monkeypatch.setattr(maker.specs.microgpt_panels, "__doc__", doc.replace("Pictures", "Films"))
    after = maker.pages()
    assert [name for name in before if before[name] != after[name]] == ["microgpt_panels.md"]


def test_a_hook_without_an_example_is_refused(
    maker: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker.specs.microgpt_panels, "__doc__", "Pictures.")
    with pytest.raises(ValueError, match=r"microgpt_panels .* lacks its complete plugin"):
        maker.pages()


@pytest.mark.parametrize("hook", HOOKS)
def test_a_page_explains_every_method_and_fact(hook: str, maker: ModuleType) -> None:
    text = page(hook)
    (root, *_) = maker.roots(maker.hook(hook))
    protocol = getattr(api, root)
    for name in vars(protocol):
        if not name.startswith("_") and callable(getattr(protocol, name)):
            assert f"**`{name}(" in text
    assert "``" not in text.replace("```", ""), "an empty signature"


@pytest.mark.parametrize("path", sorted(HOOK_PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_links_of_the_pages_lead_somewhere(path: Path) -> None:
    assert assert_links_lead_somewhere(path) >= 2


# ---------------------------------------------------------------- examples of the hooks, at work


def tokenizers(registry: Registry, _: Path) -> None:
    tokenizer = registry.make("tokenizer", "vowels")
    tokenizer.train(["aeiou"])
    assert tokenizer.decode(tokenizer.encode("oui")) == "oui"
    with pytest.raises(api.UnknownTextError, match="w"):
        tokenizer.encode("away")


def datasets(registry: Registry, folder: Path) -> None:
    dataset = registry.make("dataset", "squares", {"count": 3})
    dataset.prepare(folder, lambda *_: None)
    assert list(dataset.documents()) == ["1*1=1", "2*2=4", "3*3=9"]


def strategies(registry: Registry, _: Path) -> None:
    chain = registry.make_chain([("no-repeat", {"last": 2})])
    assert chain.apply([1.0, 2.0, 3.0, 4.0], context(4, 0, 1))[:2] == [-math.inf, -math.inf]
    off = registry.make_chain([("no-repeat", {"last": 0})])
    assert off.apply([1.0, 2.0, 3.0], context(3, 0)) == [1.0, 2.0, 3.0]


def engines(registry: Registry, _: Path) -> None:
    weights: array[float] = initial_weights(CONFIG, random.Random(1))
    entry = next(e for e in registry.catalog().of("engine") if e.plugin == "shown")
    engine = registry.make_engine(entry.name, CONFIG, OptimizerConfig(), weights)
    before = engine.loss_and_gradients([[2, 0, 1, 2]])
    engine.adam_step(0.01, 0)
    assert sum(engine.losses([[2, 0, 1, 2]])[0]) < sum(before[0])


def schedules(registry: Registry, _: Path) -> None:
    schedule = registry.make("schedule", "stairs", {"stairs": 1})
    assert [schedule.factor(step, 4) for step in range(4)] == [1, 1, 0.5, 0.5]


def step_facts() -> api.StepFacts:
    return api.StepFacts(1, 2.0, 0.01, [[1.0, 3.0], [2.0]], {"wte": (3, 4)}, lambda _: array("d"))


def metrics(registry: Registry, _: Path) -> None:
    metric: Any = registry.make("metric", "worst-surprise")
    assert metric.of_step(step_facts()) == 3.0


def panels(registry: Registry, _: Path) -> None:
    facts = api.PanelFacts(250, 1000, [2.0], ("a", "b"), ("a",), (2.0,), {}, lambda _: array("d"))
    assert registry.make("panel", "countdown").render(facts, 8, 4) == ["750 steps to go", "##"]


def exporters(registry: Registry, folder: Path) -> None:
    run = api.RunExport({}, 2, [3.0, 2.5], [0.01, 0.005], 1, [], {}, [], {}, array("d"))
    registry.make("exporter", "loss-list").export(run, folder / "out.json", lambda *_: None)
    assert json.loads((folder / "out.json").read_text()) == [3.0, 2.5]


def lessons(registry: Registry, _: Path) -> None:
    lesson = registry.make("lesson", "first-loss")
    run = Taught("on names", NAMES, {})
    before, after = run.facts(1, 0, {}), run.facts(5, 0, {})
    number, task = lesson.steps[1:]
    assert not number.when(run.facts(0, 0, {})) and number.when(before)
    assert number.answer(before) == before.losses[0]
    assert number.why(before).endswith("it is near ln 14 = 2.639.")
    assert not task.done(before) and task.done(after)


def writers(registry: Registry, _: Path) -> None:
    told: list[str] = []
    parrot = registry.make("writer", "parrot", {"times": 2})
    assert parrot.outlet() is None
    assert parrot.write("hello", told.append) == api.Continuation(" hello hello", dollars=0.0)
    assert told == [" hello", " hello hello"]


AT_WORK: dict[str, Callable[[Registry, Path], None]] = {
    "microgpt_tokenizers": tokenizers,
    "microgpt_datasets": datasets,
    "microgpt_sampling_strategies": strategies,
    "microgpt_engines": engines,
    "microgpt_schedules": schedules,
    "microgpt_metrics": metrics,
    "microgpt_panels": panels,
    "microgpt_exporters": exporters,
    "microgpt_lessons": lessons,
    "microgpt_writers": writers,
}
"""By hook: a check that uses the example of the page as its reader would."""


SLOW_ON_SCALARS = (
    "names-trajectory",
    "losses-and-gradients",
    "larger-models",
    "batches-of-any-size",
    "huge-weights",
)
"""Checks that take seconds each. The engine of the example computes as the scalar engine does, and
other tests hold the scalar engine to these checks."""


def test_every_hook_is_exercised() -> None:
    assert AT_WORK.keys() == HOOKS.keys()


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_the_page_contributes_and_works(hook: str, tmp_path: Path) -> None:
    (example,) = [code for code in blocks(page(hook), "python") if "@hookimpl" in code]
    registry = registry_of(example, tmp_path)
    mine = [entry for entry in registry.catalog().entries if entry.plugin == "shown"]
    assert [entry.kind for entry in mine] == [HOOKS[hook]]
    AT_WORK[hook](registry, tmp_path)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_the_page_keeps_its_contract(hook: str, maker: ModuleType) -> None:
    (contribution,) = maker.contributed(maker.hook(hook))
    checks = [
        check
        for check in contribution_checks(HOOKS[hook], contribution)
        if check.name not in SLOW_ON_SCALARS
    ]
    broken = [finding for finding in run_checks(checks) if finding.outcome == "failed"]
    assert checks
    assert broken == []


# ---------------------------------------------------------------- the guide


PLUGINS = [code for code in blocks(TEXT, "python") if "@hookimpl" in code]
FIXED, TURNED = PLUGINS
LOGITS = [0.0, 2.0, 1.0]


def the_block(kind: str, with_word: str) -> str:
    (code,) = [code for code in blocks(TEXT, kind) if with_word in code]
    return code


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[None]:
    """Makes the package of the tutorial importable, as the tests of that package import it."""
    name = "microgpt_play_handicap"
    path = tmp_path / f"{name}.py"
    path.write_text(TURNED, encoding="utf-8")
    sys.modules[name] = import_path(path)
    try:
        yield
    finally:
        del sys.modules[name]


def test_the_first_strategy_of_the_tutorial_holds_the_favourite_back(tmp_path: Path) -> None:
    chain = registry_of(FIXED, tmp_path, "handicap.py").make_chain([("handicap:handicap", {})])
    assert chain.apply(LOGITS, context(3)) == [0.0, -1.0, 1.0]


def test_the_knob_of_the_tutorial_moves_the_bars(tmp_path: Path) -> None:
    registry = registry_of(TURNED, tmp_path, "handicap.py")
    (amount,) = registry.entry("strategy", "handicap").controls
    assert (amount.kind, amount.minimum, amount.maximum, amount.neutral) == ("slider", 0, 10, 0)

    def favourite(setting: float) -> float:
        chain = registry.make_chain([("handicap", {"amount": setting})])
        return chain.probabilities(LOGITS, context(3))[1][1]

    assert favourite(0) > favourite(0.5) > favourite(3) > favourite(10)
    assert registry.make_chain([("handicap", {"amount": 0})]).apply(LOGITS, context(3)) == LOGITS


@pytest.mark.parametrize("code", PLUGINS, ids=["fixed", "with a knob"])
def test_strategies_of_the_tutorial_keep_their_contract(code: str, tmp_path: Path) -> None:
    registry = registry_of(code, tmp_path, "handicap.py")
    findings = run_checks(
        contribution_checks("strategy", registry.contribution("strategy", "handicap"))
    )
    assert [finding for finding in findings if finding.outcome == "failed"] == []


@pytest.mark.usefixtures("installed")
def test_the_contract_test_of_the_tutorial_runs_every_check() -> None:
    names: dict[str, Any] = {}
    exec(the_block("python", "contract_tests"), names)
    (mark,) = names["test_contract"].pytestmark
    checks = mark.args[1]
    assert checks
    for check in checks:
        check()


@pytest.mark.usefixtures("installed")
def test_the_kit_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    exec(the_block("python", "run_checks"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(line.startswith(("passed ", "skipped ")) for line in lines), lines


def test_knobs_become_the_controls_of_the_table(tmp_path: Path) -> None:
    file = tmp_path / "many.py"
    file.write_text(the_block("python", "ManyKnobs"), encoding="utf-8")
    knobs: type[api.Knobs] = import_path(file).ManyKnobs
    rows = re.findall(r"^\| .*? \| (\w[\w ]*) \| `(\w+)=(\S+)` \|$", TEXT, re.MULTILINE)
    words = {"slider": "slider", "switch": "switch", "choice": "choice", "text": "line of text"}
    drawn = api.controls(knobs)
    assert len(rows) == len(drawn) == 5
    for (word, name, value), control in zip(rows, drawn, strict=True):
        whole = " of whole numbers" if control.integer else ""
        assert (control.name, words[control.kind] + whole) == (name, word)
        knobs.model_validate_strings({name: value})


def test_the_configuration_of_the_guide_switches_a_plugin_off(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(the_block("json", "disabled"), encoding="utf-8")
    assert switched_off.read_disabled(config) == ("handicap",)
    file = tmp_path / "handicap.py"
    file.write_text("raise SystemExit", encoding="utf-8")
    sources = PluginSources(files=(str(file),), entry_points=False, config=str(config))
    assert [(p.name, p.state) for p in load(sources).plugins][-1] == ("handicap", "disabled")


def test_entry_points_and_versions_are_those_that_are_read(tmp_path: Path) -> None:
    groups = {
        group: values
        for code in blocks(TEXT, "toml")
        for group, values in tomllib.loads(code)["project"]["entry-points"].items()
    }
    assert groups.keys() == {api.PROJECT_NAME, api_version.GROUP}
    assert api_version.of_text(groups[api_version.GROUP]["versions"]) == (1, 2)
    file = tmp_path / "dated.py"
    file.write_text(the_block("python", "MICROGPT_API"), encoding="utf-8")
    assert api_version.of_path(file) == (api.API_VERSION, api.API_VERSION)
    assert f"`playground.api.API_VERSION`, now {api.API_VERSION}," in TEXT


def test_keys_of_the_guide_are_those_of_the_main_screen() -> None:
    """The guide shows beside each hook the key that leads to what the hook adds."""
    rows = re.findall(r"^\| \[`(\w+)`\]\(hooks/.*\| `(\w)` \|$", TEXT, re.MULTILINE)
    assert [hook for hook, _ in rows] == list(HOOKS)
    bound = {binding.key: action_name(binding.action) for binding in MAIN_BINDINGS}
    leads = [bound[key] for _, key in rows]
    assert leads == ["tokenizers", "datasets", "chain", "engines", "settings", "metrics",
                     "plugin-panel", "export", "tour", "beside"]  # fmt: skip


def test_the_commands_of_the_tutorial_do_what_it_says(tmp_path: Path) -> None:
    environment = {**os.environ, "MICROGPT_PLAY_HOME": str(tmp_path)}
    folder = tmp_path / "config" / "plugins"

    def run(line: str, where: Path) -> str:
        assert line in commands(TEXT)
        words = [str(SCRIPT), *line.split()[1:]]
        done = subprocess.run(
            words, cwd=where, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "handicap.py" in run("microgpt-play plugins new strategy handicap", tmp_path)
    for code in PLUGINS:
        (folder / "handicap.py").write_text(code, encoding="utf-8")
        assert ", 0 broken" in run("microgpt-play plugins check handicap.py", folder)
    (folder / "handicap.py").unlink()
    run("microgpt-play plugins new strategy handicap --package", tmp_path)
    made = tmp_path / "microgpt-play-handicap"
    assert (made / "src" / "microgpt_play_handicap" / "__init__.py").exists()
    assert (made / "README.md").exists()
    assert the_block("toml", "entry-points.microgpt_play]") in (made / "pyproject.toml").read_text()
    shown = the_block("python", "contract_tests").partition("\n")[2]
    assert shown in (made / "tests" / "test_contract.py").read_text()


@pytest.mark.parametrize("command", sorted(set(commands(TEXT))))
def test_the_command_line_takes_every_command_of_the_guide(command: str) -> None:
    assert_understood(command)


def test_every_code_block_of_the_guide_is_of_a_kind_that_is_tested() -> None:
    fences = re.findall(r"^```(\w*)$", TEXT, re.MULTILINE)
    assert set(fences) <= {"", "sh", "python", "toml", "json"}
    tested = [code for code in blocks(TEXT, "python") if "@hookimpl" in code]
    tested += [
        the_block("python", word)
        for word in ("contract_tests", "run_checks", "ManyKnobs", "MICROGPT_API")
    ]
    assert sorted(tested) == sorted(blocks(TEXT, "python"))


def test_the_patience_that_the_guide_promises_is_that_of_the_watchdog() -> None:
    limits = Limits()
    assert f"after {limits.plugin:.0f} seconds without a sign" in TEXT
    assert f"has {limits.prepare:.0f} seconds" in TEXT
    assert f"engine {limits.engine / 60:.0f} minutes" in TEXT


def test_the_guide_leads_to_every_hook_and_its_links_somewhere() -> None:
    assert_links_lead_somewhere(GUIDE)
    for hook in HOOKS:
        assert f"(hooks/{hook}.md)" in TEXT


def test_the_gallery_is_listed_as_it_is() -> None:
    there = {path.parent.name: path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml")}
    rows = re.findall(r"^\| \[`([\w-]+)`\]\(\.\./plugins/\1\) \| (.*?) \|", TEXT, re.MULTILINE)
    assert {folder for folder, _ in rows} == there.keys()
    for folder, adds in rows:
        code = "".join(
            path.read_text(encoding="utf-8") for path in there[folder].glob("src/**/*.py")
        )
        for name in re.findall(r"`([\w-]+)`", adds):
            assert f'"{name}"' in code, f"{folder} contributes no {name}"


def test_the_guide_says_plainly_what_plugins_may_do() -> None:
    assert "Plugins are code, and run with your rights." in TEXT.partition("## ")[0]
