"""docs/plugins.md and docs/hooks/ promise things: each page is compared with the code, and every
plugin that is shown on one of them is loaded, made, and put to work."""

from __future__ import annotations

import json
import math
import random
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from microgpt import ModelConfig, OptimizerConfig, initial_weights
from playground import api
from playground.catalog import HOOKS
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.testing import contribution_checks, run_checks
from tests.docs_helpers import (
    ROOT,
    assert_links_lead_somewhere,
    blocks,
    tool,
)

HOOK_PAGES = ROOT / "docs" / "hooks"
CONFIG = ModelConfig(vocab_size=3, n_embd=4, n_head=2, block_size=4)


@pytest.fixture(scope="module")
def maker() -> Iterator[ModuleType]:
    with tool("make_hook_docs") as module:
        yield module


def page(hook: str) -> str:
    return (HOOK_PAGES / f"{hook}.md").read_text(encoding="utf-8")


def registry_of(code: str, folder: Path, name: str = "shown.py") -> Registry:
    """The plugin as a reader would save it, loaded as the playground would load it."""
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


# ---------------------------------------------------------------- their examples, at work


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


AT_WORK: dict[str, Callable[[Registry, Path], None]] = {
    "microgpt_tokenizers": tokenizers,
    "microgpt_datasets": datasets,
    "microgpt_sampling_strategies": strategies,
    "microgpt_engines": engines,
    "microgpt_schedules": schedules,
    "microgpt_metrics": metrics,
    "microgpt_panels": panels,
    "microgpt_exporters": exporters,
}
"""What a reader who copies the example of a page can do with it."""


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
    checks = contribution_checks(HOOKS[hook], contribution)
    broken = [finding for finding in run_checks(checks, 5) if finding.outcome == "failed"]
    assert broken == []
