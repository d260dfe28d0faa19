"""Every hook's docstring holds a complete plugin, and it works."""

from __future__ import annotations

import inspect
import math
import random
import textwrap
from array import array
from pathlib import Path

import pytest

from microgpt import ModelConfig, OptimizerConfig, initial_weights
from playground import api
from playground.hooks import specs
from playground.hooks.registry import Registry


def example(documented: object) -> str:
    """The indented code of a docstring, from its first import on."""
    text = inspect.getdoc(documented) or ""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(("    import", "    from")))
    end = next(
        (i for i in range(start, len(lines)) if lines[i] and not lines[i].startswith("    ")),
        len(lines),
    )
    return textwrap.dedent("\n".join(lines[start:end])) + "\n"


@pytest.fixture
def registry_of(load_plugin):
    def make(documented: object) -> Registry:
        registry = load_plugin(example(documented), "example.py", head="")
        assert registry.problems == ()
        return registry

    return make


def test_every_hook_has_an_example_that_contributes(registry_of):
    declared = [name for name in vars(specs) if name.startswith("microgpt_")]
    assert declared == list(specs.HOOKS)
    for hook, kind in specs.HOOKS.items():
        registry = registry_of(getattr(specs, hook))
        mine = [e for e in registry.catalog().of(kind) if e.plugin == "example"]
        assert len(mine) == 1, hook


def test_the_tokenizer_example_keeps_its_contract(registry_of):
    tokenizer = registry_of(specs.microgpt_tokenizers).make("tokenizer", "vowels")
    tokenizer.train(["aeiou"])
    ids = tokenizer.encode("oui")
    assert tokenizer.decode([tokenizer.bos_id, *ids, tokenizer.bos_id]) == "oui"
    assert tokenizer.bos_id not in ids
    assert [tokenizer.display(i) for i in range(tokenizer.vocab_size)] == list("aeiou·")
    with pytest.raises(api.UnknownTextError) as caught:
        tokenizer.encode("away")
    assert caught.value.position == 1
    tokenizer.load_state_dict(tokenizer.state_dict())


def test_the_dataset_example_keeps_its_contract(registry_of, tmp_path: Path):
    dataset = registry_of(specs.microgpt_datasets).make("dataset", "squares", {"count": 3})
    dataset.prepare(tmp_path, lambda *_: None)
    assert list(dataset.documents()) == list(dataset.documents()) == ["1*1=1", "2*2=4", "3*3=9"]
    assert dataset.count() == 3
    assert dataset.provenance.licence == "public domain"


def test_the_strategy_example_keeps_its_contract(registry_of, context):
    registry = registry_of(specs.microgpt_sampling_strategies)
    chain = registry.make_chain([("no-repeat", {"last": 2})])
    assert chain.apply([1.0, 2.0, 3.0, 4.0], context(4, tokens=(0, 1))) == [
        -math.inf,
        -math.inf,
        3.0,
        4.0,
    ]
    off = registry.make_chain([("no-repeat", {"last": 0})])
    assert off.apply([1.0, 2.0], context(2, tokens=(0,))) == [1.0, 2.0]


def test_the_engine_example_trains(registry_of):
    config = ModelConfig(vocab_size=3, n_embd=4, n_head=2, block_size=4)
    weights: array[float] = initial_weights(config, random.Random(1))
    registry = registry_of(specs.microgpt_engines)
    engine = registry.make_engine("counting", config, OptimizerConfig(), weights)
    engine.loss_and_gradients([[2, 0, 1, 2]])
    engine.adam_step(0.01, 0)
    assert engine.read("weights") != weights
    assert engine.inner.updates == 1


def test_the_example_of_the_api_itself_works(registry_of, context):
    registry = registry_of(api)
    chain = registry.make_chain([("cold", {"power": 3})])
    assert chain.apply([1.0, 2.0], context(2)) == [3.0, 6.0]
