"""What the microscope is told of a small model that was trained in a second: true numbers."""

from __future__ import annotations

import inspect
import math
import textwrap
from dataclasses import replace
from functools import cache
from pathlib import Path

import microgpt
from microgpt import scalar_engine
from microgpt.anatomy import (
    Anatomy,
    attribution,
    dissect,
    head_pushes,
    head_sizes,
    lens,
    stages,
    unembedding,
)
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.kernels import dot
from microgpt.parameters import initial_weights
from microgpt.trainer import Trainer, shuffle
from microgpt.vector_engine import VectorEngine
from playground.lab.protocol.inside import (
    MEAN,
    AttentionCell,
    AttentionReading,
    CreditPart,
    CreditReading,
    DepthCell,
    DepthReading,
    FlowReading,
    FlowStage,
    Inside,
    LinesReading,
    Look,
    Made,
    NeuronReading,
    NeuronsReading,
    NumberNode,
    NumberReading,
    Position,
    Reading,
    RunLine,
    Shape,
)

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "charlotte", "amelia", "evelyn"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOS = len(LETTERS)
SYMBOLS = [*LETTERS, "·"]


@cache
def trained(
    steps: int = 60, n_embd: int = 16, n_head: int = 4, n_layer: int = 1, block_size: int = 16
) -> tuple[ModelConfig, tuple[float, ...]]:
    """A model after so many steps on a few names, and its weights."""
    config = ModelConfig(BOS + 1, n_embd, n_head, n_layer, block_size)
    names = Path(microgpt.__file__).with_name("names.txt").read_text().split()[:2000]
    rng = shuffle(names, 42)
    documents = [encode(name) for name in names]
    engine = VectorEngine(config, OptimizerConfig(), initial_weights(config, rng))
    if steps:
        Trainer(engine, documents, OptimizerConfig(), steps).train(steps)
    return config, tuple(engine.read("weights"))


def encode(text: str) -> list[int]:
    return [BOS, *(LETTERS.index(letter) for letter in text), BOS]


class Microscope:
    """Answers looks as the lab does, for one model."""

    def __init__(self, config: ModelConfig, weights: tuple[float, ...]) -> None:
        self.config, self.weights = config, weights

    def look(self, look: Look, text: str, step: int = 0, epoch: int = 0) -> Inside:
        """What the lab answers, if `text` is the text that is read."""
        config = self.config
        shape = Shape(config.vocab_size, config.block_size, config.n_embd, config.n_head,
                      config.n_layer)  # fmt: skip
        unknown = next((letter for letter in text if letter not in LETTERS), None)
        if unknown is not None:
            trouble = f"The vocabulary has no {unknown!r}. Type a text of its letters."
            return Inside(look, step, epoch, text, shape, (), 0, None, trouble)
        tokens = encode(text)
        anatomy = dissect(config, self.weights, tokens)
        count = len(anatomy.tokens)
        cut = len(tokens) - 1 - count
        positions = tuple(
            Position(SYMBOLS[t], t, SYMBOLS[target], target, probs[target], loss,
                     SYMBOLS[_best(probs)], _best(probs), max(probs))
            for t, target, probs, loss in zip(
                anatomy.tokens, anatomy.targets, anatomy.probs, anatomy.losses, strict=True
            )
        )  # fmt: skip
        at = look.position if 0 <= look.position < count else count - 1
        token = anatomy.targets[at] if look.token is None else look.token
        shown = replace(
            look, position=at, token=token, source=min(look.source, at),
            layer=min(look.layer, config.n_layer - 1), head=min(look.head, config.n_head - 1),
        )  # fmt: skip
        notices = (
            (f"The text is longer than the context: {cut} tokens are not read.",) if cut else ()
        )
        reading = getattr(self, f"_{look.view}")(anatomy, shown)
        return Inside(
            shown, step, epoch, text, shape, positions, cut, reading, "", notices, seconds=0.0005
        )

    def _flow(self, anatomy: Anatomy, look: Look) -> Reading:
        at, config = look.position, self.config
        token = SYMBOLS[anatomy.tokens[at]]
        wide = f"({config.n_embd})"

        def stage(name: str, values, shape: str = wide, **more) -> FlowStage:
            return FlowStage(name, shape, tuple(values)[:256], **more)

        w = anatomy.weights
        found = [
            stage(f"wte[{token}]", w["wte"][anatomy.tokens[at]], matrix="wte",
                  row=anatomy.tokens[at]),
            stage(f"wpe[{at}]", w["wpe"][at], matrix="wpe", row=at),
            stage("x", anatomy.x[at], view="depth"),
        ]  # fmt: skip
        for number, layer in enumerate(anatomy.layers):
            size = config.head_dim
            found.append(stage("x_attn", layer.x_attn[at], layer=number))
            found += [
                stage(name, getattr(layer, name)[at], layer=number,
                      matrix=f"layer{number}.attn_w{name}")
                for name in "qkv"
            ]  # fmt: skip
            for h in range(config.n_head):
                found.append(stage("attn_weights", layer.attn_weights[h][at], f"({at + 1})",
                                   layer=number, head=h, view="attention"))  # fmt: skip
                found.append(stage("head writes", layer.heads[h][at], layer=number, head=h,
                                   matrix=f"layer{number}.attn_wo"))  # fmt: skip
            found += [
                stage("x", layer.x_mid[at], layer=number, view="depth"),
                stage("x_mlp", layer.x_mlp[at], layer=number),
                stage("mlp_fc1", layer.pre_activation[at], f"({4 * config.n_embd})", layer=number,
                      matrix=f"layer{number}.mlp_fc1"),
                stage("relu", layer.activation[at], f"({4 * config.n_embd})", layer=number,
                      view="neurons"),
                stage("mlp_fc2", layer.mlp[at], layer=number, matrix=f"layer{number}.mlp_fc2"),
                stage("x", layer.x_out[at], layer=number, view="depth"),
            ]  # fmt: skip
            assert size
        found += [
            stage("logits", anatomy.logits[at], f"({config.vocab_size})", matrix="lm_head",
                  view="credit"),
            stage("probs", anatomy.probs[at], f"({config.vocab_size})"),
        ]  # fmt: skip
        return FlowReading(tuple(found))

    def _attention(self, anatomy: Anatomy, look: Look) -> Reading:
        layer, config = anatomy.layers[look.layer], self.config
        assert look.token is not None
        reads = unembedding(anatomy, look.token)

        def rows(h: int, measure: str):
            for p in range(len(anatomy.tokens)):
                if measure == "weight":
                    yield tuple(layer.attn_weights[h][p])
                elif measure == "size":
                    yield tuple(head_sizes(anatomy, look.layer, h, p))
                else:
                    yield tuple(head_pushes(anatomy, look.layer, h, p, reads))

        h, p, s, d = look.head, look.position, look.source, config.head_dim
        part = slice(h * d, (h + 1) * d)
        q, k, v = layer.q[p][part], layer.k[s][part], layer.v[s][part]
        cell = AttentionCell(
            tuple(q), tuple(k), tuple(v), dot(q, k), layer.attn_logits[h][p][s],
            layer.attn_weights[h][p][s], head_sizes(anatomy, look.layer, h, p)[s],
            head_pushes(anatomy, look.layer, h, p, reads)[s],
        )  # fmt: skip
        heads = tuple(tuple(rows(h, look.measure)) for h in range(config.n_head))
        return AttentionReading(look.measure, heads, cell, SYMBOLS[look.token])

    def _depth(self, anatomy: Anatomy, look: Look) -> Reading:
        assert look.token is not None
        found = stages(anatomy)
        cells = []
        for stage in found:
            probs = lens(anatomy, stage.x)
            cells.append(tuple(
                DepthCell(SYMBOLS[_best(p)], _best(p), max(p), p[target], p[look.token])
                for p, target in zip(probs, anatomy.targets, strict=True)
            ))  # fmt: skip
        return DepthReading(
            tuple(stage.name for stage in found), tuple(cells), 0, SYMBOLS[look.token]
        )

    def _credit(self, anatomy: Anatomy, look: Look) -> Reading:
        at, token = look.position, look.token
        assert token is not None
        against = anatomy.probs[at] if look.against == MEAN else look.against
        parts = attribution(anatomy, at, token, against)
        logits = anatomy.logits[at]
        logit = logits[token]
        if look.against == MEAN:
            logit -= dot(anatomy.probs[at], logits)
        elif look.against is not None:
            logit -= logits[look.against]
        names = {
            "wte": lambda _: f"token {SYMBOLS[anatomy.tokens[at]]!r}",
            "wpe": lambda _: f"position {at}",
            "head": lambda p: (
                f"layer {p.layer} head {p.index} from {p.source} "
                f"{SYMBOLS[anatomy.tokens[p.source]]!r}"
            ),
            "neuron": lambda p: f"layer {p.layer} neuron {p.index}",
        }
        rows = tuple(
            CreditPart(p.kind, names[p.kind](p), p.value, p.layer, p.index, p.source)
            for p in parts[:400]
        )
        rest = parts[400:]
        words = "the mean" if look.against == MEAN else ""
        if look.against is not None and look.against >= 0:
            words = SYMBOLS[look.against]
        return CreditReading(
            rows, sum(p.value for p in rest), len(rest), sum(p.value for p in parts), logit,
            SYMBOLS[token], token, words,
        )  # fmt: skip

    def _neurons(self, anatomy: Anatomy, look: Look) -> Reading:
        layer = anatomy.layers[look.layer]
        at = look.position
        opened = None
        if look.neuron is not None:
            j = look.neuron
            w = anatomy.weights
            column = [row[j] for row in w[f"layer{look.layer}.mlp_fc2"]]
            ups = sorted(
                ((SYMBOLS[t], dot(row, column)) for t, row in enumerate(w["lm_head"])),
                key=lambda one: -one[1],
            )
            row = w[f"layer{look.layer}.mlp_fc1"][j]
            wakes = sorted(
                ((SYMBOLS[t], dot(row, e)) for t, e in enumerate(w["wte"])), key=lambda one: -one[1]
            )
            fires = []
            for name in NAMES:
                values = dissect(self.config, self.weights, encode(name)).layers[look.layer]
                p, value = max(enumerate(a[j] for a in values.activation), key=lambda one: one[1])
                if value:
                    fires.append((name, p, value))
            fires.sort(key=lambda one: -one[2])
            opened = NeuronReading(look.layer, j, tuple(ups[:12]), tuple(ups[::-1][:12]),
                                   tuple(wakes[:12]), tuple(wakes[::-1][:12]), tuple(fires[:12]),
                                   len(NAMES))  # fmt: skip
        return NeuronsReading(
            tuple(zip(*layer.activation, strict=True)), tuple(layer.pre_activation[at]), opened
        )

    def _lines(self, anatomy: Anatomy, look: Look) -> Reading:
        source = tuple(textwrap.dedent(inspect.getsource(scalar_engine.gpt)).splitlines())
        at = look.position

        def line(words: str) -> int:
            return next(k for k, one in enumerate(source) if words in one)

        w = anatomy.weights
        first = next(k for k, one in enumerate(source) if "wte" in one)
        runs = [
            RunLine(first, first, "", (Made("tok_emb", "(16)", tuple(w["wte"][anatomy.tokens[at]]),
                                            17),)),
            RunLine(first + 1, first + 1, "", (Made("pos_emb", "(16)", tuple(w["wpe"][at]), 18),)),
        ]  # fmt: skip
        for number, layer in enumerate(anatomy.layers):
            runs.append(RunLine(line("rmsnorm(x)"), line("rmsnorm(x)"), f"layer {number}",
                                (Made("x", "(16)", tuple(layer.x_attn[at]), 40),
                                 Made("head", "", words="slice(0, 4)"))))  # fmt: skip
        runs.append(RunLine(len(source) - 1, len(source) - 1, "",
                            (Made("return", "(27)", tuple(anatomy.logits[at]), 99),)))  # fmt: skip
        return LinesReading(source, tuple(runs))

    def _number(self, anatomy: Anatomy, look: Look) -> Reading:
        """A family made by hand, of true numbers."""
        at = look.position
        p, q = anatomy.probs[at][anatomy.targets[at]], anatomy.losses[at]
        count = len(anatomy.tokens)
        loss = sum(anatomy.losses) / count
        nodes = [NumberNode(900, "loss", "×", loss, 1.0, None, 0, 2, 0, True)]
        nodes.append(
            NumberNode(899, "", "Σ", loss * count, 1 / count, 1 / count, 1, count, 1, True)
        )
        for k in sorted(range(count), key=lambda k: -anatomy.losses[k]):
            nodes.append(NumberNode(
                800 + k, f"losses[{k}]", "×", anatomy.losses[k], 1 / count, 1.0, 2, 2, 1,
                800 + k in look.unfolded, anatomy.losses[k],
            ))  # fmt: skip
            if 800 + k in look.unfolded:
                nodes.append(NumberNode(700 + k, f"probs[{k}]", "log", math.log(p), -1.0, -1.0, 3,
                                        1, 1, False))  # fmt: skip
        w = anatomy.weights["wte"][anatomy.tokens[0]][3]
        weight = NumberNode(3, f"wte[{SYMBOLS[BOS]!r}][3]", "weight", w, None, 0.5, 1, 0, 12, False,
                            matrix="wte", row=BOS, column=3)  # fmt: skip
        nodes.append(weight)
        assert q >= 0
        if look.name and "attn_weights" in look.name:
            nodes = [NumberNode(500, look.name, "×", 0.25, 0.125, None, 0, 2, 3, True), weight]
        users = (NumberNode(901, "user", "Σ", 1.5, 0.5, 1.0, 0, 4, 1, False),)
        return NumberReading(tuple(nodes), 0, users if look.node != 900 else (), 4242)


def _best(probs) -> int:
    return max(range(len(probs)), key=lambda t: probs[t])


def microscope(steps: int = 60, **sizes: int) -> Microscope:
    return Microscope(*trained(steps, **sizes))
