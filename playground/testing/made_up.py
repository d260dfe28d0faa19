"""A made-up run for metrics, panels and exporters: its steps, samples, moments, its export."""

from __future__ import annotations

import copy
import hashlib
import math
import random
from array import array
from typing import Any

from microgpt.anatomy import dissect
from microgpt.config import ModelConfig
from microgpt.engine import StateKind
from microgpt.parameters import parameter_count, parameter_layout
from playground.api import (
    PanelFacts,
    RunData,
    RunExport,
    SampleFacts,
    SourceText,
    StepFacts,
    TextAnatomy,
    UnknownTextError,
)

MODEL = ModelConfig(vocab_size=5, n_embd=4, n_head=2, n_layer=1, block_size=4)
SHAPES = {spec.name: (spec.rows, spec.columns) for spec in parameter_layout(MODEL)}
_DISPLAYS = ("a", "b", "[bold]", "語", "·")
_DOCUMENTS = ("ab", "語[bold]", "aab", "", "baba語")


def numbers(kind: StateKind = "weights") -> array[float]:
    """A new array of the model's numbers of this kind: weights, gradients or a moment."""
    rng = random.Random(kind)
    values = array("d", [rng.gauss(0, 0.08) for _ in range(parameter_count(MODEL))])
    return array("d", [x * x for x in values]) if kind == "second_moment" else values


def step_facts() -> dict[str, StepFacts]:
    """The facts of several steps, by what is odd about each; new objects at each call."""
    token_losses = {
        "an ordinary step": [[3.2, 2.1, 0.5, 1.25]],
        "a document of one token": [[1.5]],
        "several documents": [[1.0, 2.0], [0.25], [3.0, 0.0, 1.5]],
        "a loss of 0": [[0.0, 0.0]],
        "a token that costs inf": [[1.0, math.inf]],
        "losses that are NaN": [[math.nan, math.nan, math.nan]],
    }
    made = {}
    for number, (words, losses) in enumerate(token_losses.items(), 1):
        flat = [loss for row in losses for loss in row]
        made[words] = StepFacts(
            step=number,
            loss=sum(flat) / len(flat),
            learning_rate=0.0 if number == 4 else 0.01,
            token_losses=losses,
            shapes=dict(SHAPES),
            read=numbers,
        )
    return made


def sample_facts() -> dict[str, SampleFacts]:
    """The facts of several batches of samples, by what is odd about each."""
    texts = {
        "ordinary samples": ("anna", "kamon", "anna", "vialan"),
        "one sample": ("ann",),
        "an empty text": ("", "ann", ""),
        "empty texts only": ("", ""),
        "texts in many scripts": ("語語", "cafe\u0301", "👩‍👩‍👧", "a\nb"),
        "no samples": (),
    }
    return {
        words: SampleFacts(step=100, texts=batch, in_data=tuple(t == "ann" for t in batch))
        for words, batch in texts.items()
    }


def anatomy(text: str | None) -> TextAnatomy:
    """A text inside the made-up model, whose tokens are its displays; "ab" for None."""
    made = dissect(MODEL, numbers(), encode("ab" if text is None else text))
    tokens, targets = (tuple(_DISPLAYS[i] for i in ids) for ids in (made.tokens, made.targets))
    return TextAnatomy(made, tokens, targets)


def encode(text: str) -> list[int]:
    """The ids of a text, as its facts have it."""
    bos = len(_DISPLAYS) - 1
    ids, at = [bos], 0
    while at < len(text):
        found = [i for i in range(bos) if text.startswith(_DISPLAYS[i], at)]
        if not found:
            raise UnknownTextError(text, at)
        ids.append(found[0])
        at += len(_DISPLAYS[found[0]])
    return [*ids, bos][: MODEL.block_size + 1]


def panel_facts() -> dict[str, PanelFacts]:
    """The facts of several moments of a run, by their names; new objects at each call."""
    rng = random.Random(1)
    losses = [3.3 - 0.001 * i + rng.gauss(0, 0.2) for i in range(1000)]
    document = ("a", "語", "[bold]", "·")
    tokens = (2.5, 0.0, 1.25, 3.0)
    moments: dict[str, tuple[int, int, list[float], tuple[str, ...], tuple[float, ...]]] = {
        "before the first step": (0, 1000, [], (), ()),
        "after the first step": (1, 1000, [3.3], document, tokens),
        "in mid-run": (5000, 10_000, losses, document, tokens),
        "at the end of a run of one step": (1, 1, [3.3], ("·",), (3.3,)),
        "losses that are not finite": (3, 10, [3.3, math.inf, math.nan], document, (math.inf,) * 4),
    }
    return {
        words: PanelFacts(
            step=step,
            steps=steps,
            losses=list(seen),
            vocabulary=_DISPLAYS,
            document=shown,
            token_losses=surprise,
            shapes=dict(SHAPES),
            read=numbers,
            anatomy=anatomy,
            documents=_DOCUMENTS,
            encode=encode,
        )
        for words, (step, steps, seen, shown, surprise) in moments.items()
    }


_LETTERS = ("a", "b", "ç", "語")
_TEXT = "".join(f"{text}\n" for text in ("ab", "語ç", "aab", "b", "baba語")).encode()


def run_data() -> RunData:
    """What the exported run learnt from: five lines of text, of which one is held out."""
    bos = len(_LETTERS)
    displays = (*_LETTERS, "·")

    def encode(text: str) -> list[int]:
        for at, letter in enumerate(text):
            if letter not in _LETTERS:
                raise UnknownTextError(text, at)
        return [bos, *map(_LETTERS.index, text), bos][: MODEL.block_size + 1]

    def anatomy(text: str | None) -> TextAnatomy:
        made = dissect(MODEL, numbers(), encode("ab" if text is None else text))
        tokens, targets = (tuple(displays[i] for i in ids) for ids in (made.tokens, made.targets))
        return TextAnatomy(made, tokens, targets)

    documents = _TEXT.decode().split()
    return RunData(
        vocabulary=displays,
        bos_id=bos,
        documents=documents[1:],
        held_out=documents[:1],
        text=SourceText(
            name="語 [b].txt",
            path="/home/語 [b].txt",
            sha256=hashlib.sha256(_TEXT).hexdigest(),
            size=len(_TEXT),
            read=lambda: _TEXT,
        ),
        anatomy=anatomy,
        encode=encode,
    )


def run_exports() -> dict[str, RunExport]:
    """A run that has not begun, and one of 100 steps with names that a path cannot hold."""
    names = ("loss/ema", "½ <b>[bold]", "..", "con:1", "語")
    rng = random.Random(1)
    steps = range(1, 101)
    spec = {
        "dataset": {"name": "text-file", "options": {"path": "/home/語 [b].txt"}},
        "tokenizer": {"name": "char", "options": {}},
        "model": {
            "n_embd": MODEL.n_embd,
            "n_head": MODEL.n_head,
            "n_layer": MODEL.n_layer,
            "block_size": MODEL.block_size,
            "parts": list(MODEL.parts),
        },
        "optimizer": {
            "name": "adam",
            "learning_rate": 0.01,
            "beta1": 0.85,
            "beta2": 0.99,
            "eps": 1e-8,
        },
        "schedule": {"name": "linear", "options": {}},
        "steps": 100,
        "batch_size": 1,
        "seed": 42,
        "holdout": 0.2,
        "holdout_by": "text",
        "eval_every": 50,
        "engine": "vector",
        "note": "ä/[b]",
    }
    sampling = {
        "chain": [{"name": "temperature", "options": {"temperature": 0.5}, "enabled": True}],
        "prompt": "",
        "count": 2,
        "every": 50,
        "seed": 0,
    }
    known: dict[str, Any] = {
        "sampling": sampling,
        "tokenizer": {"type": "char", "characters": list(_LETTERS)},
        "run_name": "a [b]/½",
        "how": "microgpt-play train '/home/語 [b].txt' --steps 100",
        "data": run_data,
    }
    return {
        "a run of 0 steps": RunExport(
            spec={**spec},
            step=0,
            losses=[],
            learning_rates=[],
            first_step=1,
            evaluations=[],
            series={},
            samples=[],
            matrices=dict(SHAPES),
            weights=numbers(),
            **copy.deepcopy(known),
        ),
        "a run of 100 steps": RunExport(
            spec={**spec},
            step=100,
            losses=[rng.uniform(2, 3) for _ in steps],
            learning_rates=[0.01 * (1 - i / 100) for i in range(100)],
            first_step=1,
            evaluations=[(50, 2.5), (100, 2.4)],
            series={
                name: [(step, rng.random()) for step in steps[:: number + 1]]
                for number, name in enumerate(names)
            },
            samples=[(50, "anna"), (50, "[bold]\n語"), (100, "")],
            matrices=dict(SHAPES),
            weights=numbers(),
            edits=[(40, "learning rate 0.005"), (60, "head 1 of layer 0 cut")],
            history=[
                {"step": 40, "field": "optimizer.learning_rate", "value": 0.005},
                {
                    "step": 60,
                    "field": "surgery",
                    "value": [{"component": "head:0.1", "values": [0.0]}],
                },
            ],
            **copy.deepcopy(known),
        ),
    }
