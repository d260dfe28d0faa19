"""Runs that lessons are tried on: small, trained for a few steps, and odd in one way each."""

from __future__ import annotations

import json
import math
import pickle
import random
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from microgpt.anatomy import dissect
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import StateKind
from microgpt.parameters import initial_weights, parameter_count, parameter_layout
from microgpt.tokenizer import CharTokenizer
from microgpt.vector_engine import VectorEngine
from playground.api import LessonFacts, LookFact, SampleFacts, TextAnatomy, TrialFact
from playground.api.lessons import Scalar
from playground.testing.corpora import CORPORA

NAMES = (
    "emma", "olivia", "ava", "anna", "hannah", "noah", "liam", "mia", "ella", "eva", "leo", "nora",
    "ida", "otto", "alma", "vera", "emil", "lena", "milo", "nina", "elin", "aron", "mona", "rolf",
)  # fmt: skip
_LONG = "It was a dark and stormy night; the rain fell in torrents, and [bold] winds met it. " * 40

SPEC: Mapping[str, Any] = {
    "dataset": {"name": "names", "options": {}},
    "tokenizer": {"name": "char", "options": {}},
    "model": {
        "n_embd": 16,
        "n_head": 4,
        "n_layer": 1,
        "block_size": 16,
        "parts": ["attention", "mlp", "positions", "norm", "residual"],
    },
    "optimizer": {
        "name": "adam",
        "learning_rate": 0.01,
        "beta1": 0.85,
        "beta2": 0.99,
        "eps": 1e-8,
    },
    "schedule": {"name": "linear", "options": {}},
    "steps": 1000,
    "batch_size": 1,
    "seed": 42,
    "holdout": 0.1,
    "holdout_by": "text",
    "eval_every": 100,
    "engine": "vector",
}
"""The usual settings of a run, as facts.spec has them."""

LEARNERS_OWN = ("dataset", "seed")
"""Settings that a lesson leaves to the learner."""
VIEWS = ("flow", "attention", "depth", "credit", "neurons", "lines", "step")
REAL, FEW = 12, 6
"""Steps that are really trained at most, and where a lesson is tried on few runs."""
_LARGE = 20_000
"""Weights from which a model is trained for 3 steps only."""


def settings(changes: Mapping[str, Any]) -> dict[str, Any]:
    """SPEC with some settings changed, by dotted name. Raises KeyError for a name that is none."""
    spec: dict[str, Any] = {
        name: dict(part) if isinstance(part, Mapping) else part for name, part in SPEC.items()
    }
    for dotted, value in changes.items():
        place, (*path, last) = spec, dotted.split(".")
        for part in path:
            place = place[part]
            if not isinstance(place, dict):
                raise KeyError(dotted)
        if last not in place and path[-1:] != ["options"]:
            raise KeyError(dotted)
        place[last] = list(value) if isinstance(value, tuple) else value
    return spec


@dataclass(frozen=True)
class _State:
    numbers: Mapping[StateKind, array[float]]
    text: str
    """The document of the last step; before the first step, of that."""
    losses: list[float]
    """The surprise at each of its tokens before the update; empty before the first step."""


_KINDS: tuple[StateKind, ...] = ("weights", "gradients", "first_moment", "second_moment")


@dataclass(frozen=True)
class Taught:
    """A run of a lesson, of which the states after a few steps are real. The losses of the steps
    between are made up: they fall evenly from one real loss to the next."""

    words: str
    texts: tuple[str, ...]
    changes: Mapping[str, Any]
    """The settings that are not the usual ones, by dotted name."""
    begins: int = 0
    """Which of `times` it is when the lesson begins."""
    back: bool = False
    """True if the learner has been at the end, and goes back to the beginning before each step of
    the lesson."""
    most: int = REAL
    """Steps that are really trained at most."""

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The RunSpec, as JSON values."""
        return settings(self.changes)

    @cached_property
    def tokenizer(self) -> CharTokenizer:
        made = CharTokenizer()
        made.train(self.texts)
        return made

    @cached_property
    def config(self) -> ModelConfig:
        shape = {**self.spec["model"], "parts": tuple(self.spec["model"]["parts"])}
        return ModelConfig(self.tokenizer.vocab_size, **shape)

    @cached_property
    def optimizer(self) -> OptimizerConfig:
        return OptimizerConfig(**self.spec["optimizer"])

    @cached_property
    def parts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The documents that are trained on, and those that are held out."""
        held = min(round(self.spec["holdout"] * len(self.texts)), len(self.texts) - 1)
        first = len(self.texts) - held
        return self.texts[:first], self.texts[first:]

    @cached_property
    def times(self) -> tuple[int, ...]:
        """The steps of the run at which there are facts."""
        steps = self.spec["steps"]
        return tuple(sorted({0, *(min(at, steps) for at in (1, 2, 10, steps // 5, steps))}))

    @cached_property
    def _states(self) -> list[_State]:
        """The run at each of `times`."""
        engine = VectorEngine(
            self.config, self.optimizer, initial_weights(self.config, random.Random(42))
        )
        train, most = self.parts[0], 3 if parameter_count(self.config) > _LARGE else self.most
        states, done, losses = list[_State](), 0, list[float]()
        for place, time in enumerate(self.times):
            wanted = min(time, max(most * place // (len(self.times) - 1), min(time, 2)))
            while done < wanted:
                (losses,) = engine.loss_and_gradients([self.encode(train[done % len(train)])])
                engine.adam_step(self.optimizer.learning_rate, done)
                done += 1
            text = train[max(done - 1, 0) % len(train)]
            states.append(_State({kind: engine.read(kind) for kind in _KINDS}, text, losses))
        return states

    @cached_property
    def _losses(self) -> array[float]:
        """The loss of each step."""
        rng, losses = random.Random(1), array("d")
        for place, (before, after) in enumerate(pairwise(self.times), 1):
            loss = _mean(self._states[place].losses)
            last = losses[-1] if losses else loss
            for step in range(before + 1, after + 1):
                way = (step - before) / (after - before)
                noise = 0.0 if step == after else rng.gauss(0, 0.1)
                losses.append(last * (1 - way) + loss * way + noise)
        return losses

    @cached_property
    def _evaluations(self) -> list[tuple[int, float]]:
        if not self.parts[1]:
            return []
        losses = self._engine(0).losses([self.encode(text) for text in self.parts[1]])
        first = _mean([loss for row in losses for loss in row])
        every = self.spec["eval_every"] or self.spec["steps"]
        steps = range(every, self.spec["steps"] + 1, every)
        return [(0, first), *((step, self._losses[step - 1] + 0.05) for step in steps)]

    @cached_property
    def _baselines(self) -> dict[str, float]:
        """What counting reaches, with one added to each count: on the documents that are held out,
        or, if none are, on the others."""
        size, found = self.config.vocab_size, {"uniform": math.log(self.config.vocab_size)}
        for reach, name in enumerate(("unigram", "bigram", "trigram")):
            train = [pair for text in self.parts[0] for pair in _grams(self.encode(text), reach)]
            met, before = Counter(train), Counter(context for context, _ in train)
            tried = [
                pair
                for text in self.parts[1] or self.parts[0]
                for pair in _grams(self.encode(text), reach)
            ]
            found[name] = _mean(
                [-math.log((met[one] + 1) / (before[one[0]] + size)) for one in tried]
            )
        return found

    def _engine(self, place: int) -> VectorEngine:
        return VectorEngine(self.config, self.optimizer, self._states[place].numbers["weights"])

    def encode(self, text: str) -> list[int]:
        """As LessonFacts.encode."""
        bos = self.tokenizer.bos_id
        return [bos, *self.tokenizer.encode(text), bos][: self.config.block_size + 1]

    # ------------------------------------------------------------ facts

    def facts(
        self,
        place: int,
        began: int,
        remembered: Mapping[str, Scalar],
        done: bool = False,
    ) -> LessonFacts:
        """The facts at `times[place]`, as new objects. began: which of `times` it was when the
        present step of the lesson began. done: whether the learner has done all kinds of things
        since then."""
        step, config = self.times[place], self.config
        state = self._states[place]
        display = self.tokenizer.display
        facts = LessonFacts(
            step=step,
            steps=self.spec["steps"],
            furthest=self.spec["steps"] if self.back else step,
            began=self.times[began],
            losses=self._losses[:step],
            learning_rates=self._rates[:step],
            heldout=tuple((at, loss) for at, loss in self._evaluations if at <= step),
            baselines=dict(self._baselines),
            vocabulary=self._vocabulary,
            bos=self.tokenizer.bos_id,
            config=config,
            shapes=dict(self._shapes),
            spec=settings(self.changes),
            documents=self.parts[0],
            document=tuple(map(display, self.encode(state.text)[1:])),
            token_losses=tuple(state.losses),
            chain={"temperature": {"temperature": 0.5}},
            remembered=MappingProxyType(dict(remembered)),
            encode=self.encode,
            read=lambda kind: array("d", state.numbers[kind]),
            gradient=lambda text: self._gradient(place, text),
            anatomy=lambda text: self._anatomy(place, text),
        )
        return self._with_deeds(facts, place) if done else facts

    @cached_property
    def _rates(self) -> array[float]:
        """The learning rate of each step."""
        rate, steps = self.optimizer.learning_rate, self.spec["steps"]
        return array("d", (rate * (1 - at / steps) for at in range(steps)))

    @cached_property
    def _vocabulary(self) -> tuple[str, ...]:
        return tuple(map(self.tokenizer.display, range(self.config.vocab_size)))

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, int]]:
        return {one.name: (one.rows, one.columns) for one in parameter_layout(self.config)}

    @cached_property
    def _gradients(self) -> dict[tuple[int, str], array[float]]:
        """The gradients that were asked for, by (which of `times`, text)."""
        return {}

    def _gradient(self, place: int, text: str | None) -> array[float]:
        """As an array of its own: a lesson may change what it is given."""
        text = self._states[place].text if text is None else text
        if (place, text) not in self._gradients:
            engine = self._engine(place)
            engine.loss_and_gradients([self.encode(text)])
            self._gradients[place, text] = engine.read("gradients")
        return array("d", self._gradients[place, text])

    @cached_property
    def _anatomies(self) -> dict[tuple[int, str], bytes]:
        """The anatomies that were asked for, pickled, by (which of `times`, text)."""
        return {}

    def _anatomy(self, place: int, text: str | None) -> TextAnatomy:
        """As an object of its own: a lesson may change what it is given."""
        state, bos = self._states[place], self.tokenizer.bos_id
        text = state.text if text is None else text
        if (place, text) not in self._anatomies:
            ids = [bos, *self.tokenizer.encode(text), bos]
            made = dissect(self.config, state.numbers["weights"], ids)
            display = self.tokenizer.display
            tokens, targets = (tuple(map(display, ids)) for ids in (made.tokens, made.targets))
            self._anatomies[place, text] = pickle.dumps(TextAnatomy(made, tokens, targets))
        given: TextAnatomy = pickle.loads(self._anatomies[place, text])
        return given

    def _with_deeds(self, facts: LessonFacts, place: int) -> LessonFacts:
        """The facts of somebody who has sampled, looked, tried and ranked, and cut a head."""
        config, text = self.config, self._states[place].text
        looks = [
            LookFact(view, read, position, layer, head, "")
            for view in VIEWS
            for read in (None, text[:1])
            for position in (0, 1)
            for layer in range(min(config.n_layer, 2))
            for head in range(min(config.n_head, 2))
        ]
        held = bool(self.parts[1])
        told = (0.25, 0.02) if held else (None, None)
        head = "head:0.0" if "attention" in config.parts else "token:0"
        return replace(
            facts,
            samples=(
                SampleFacts(facts.step, (text, "ab", ""), (True, False, False)),
                SampleFacts(facts.step, (text,) * 3, (True,) * 3),
            ),
            prompt=text[:1],
            edits=((facts.step, "learning rate 0.02"), (facts.step, f"{head} set to 0")),
            held="",
            operated=f"{head} set to 0 at step {facts.step:,}",
            looks=(*looks, LookFact("number", None, 0, 0, 0, "wte[0][0]")),
            trials=(TrialFact((head,), *told), TrialFact((head, "token:1"), *told)),
            ranked=((head, 0.25, 0.02), ("token:1", -0.01, 0.02)) if held else (),
            known={head: (0.25, 0.02), "token:1": (-0.01, 0.02)} if held else {},
            panel="gradient-flow",
            matrix=("wte", "weights"),
        )


def runs_of(changes: Mapping[str, Any], few: bool) -> list[Taught]:
    """Runs with the settings of a lesson. few: only the most telling ones, all but the first of
    them with a small model. Raises KeyError for a setting that there is not, ConfigError for an
    impossible one, TypeError for what is no JSON."""
    return list(_made(json.dumps(dict(changes), sort_keys=True), few))


@lru_cache(maxsize=4)
def _made(text: str, few: bool) -> tuple[Taught, ...]:
    changes: dict[str, Any] = json.loads(text)
    small = {"model.n_embd": 8, "model.n_head": 2, "model.block_size": 8, "steps": 60, **changes}
    alone, tiny = (_LONG,), ("ab", "ba", "a", "aab", "bba", "b", "abab", "baa", "bb", "aa")
    scripts = (*CORPORA["many scripts"], *CORPORA["sentences"])
    runs: tuple[Taught, ...] = (
        Taught("on names", NAMES, changes),
        Taught("on two letters", tiny, small),
        Taught("on one long document", alone, small if few else changes),
        Taught("with nothing held out", NAMES, {**changes, "holdout": 0.0}),
        Taught("on many scripts", scripts, small),
        Taught("begun at the end of the run", NAMES[::-1], changes, begins=-1),
        Taught("after going back to step 0", NAMES, small, back=True),
    )
    if few:
        runs = tuple(replace(run, most=FEW) for run in runs[:3])
    for run in runs:
        assert run.config and run.optimizer  # they raise ConfigError
    return runs


def _grams(ids: Sequence[int], reach: int) -> list[tuple[tuple[int, ...], int]]:
    """(the `reach` tokens before, token) pairs."""
    return [(tuple(ids[max(at - reach, 0) : at]), ids[at]) for at in range(1, len(ids))]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
