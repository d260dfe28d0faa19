"""The chain of sampling strategies of a run, as source of a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground.hooks.builtins import strategies
from playground.hooks.builtins.script.template import literal

STRATEGIES = ("temperature", "repetition-penalty", "top-k", "top-p", "min-p", "greedy")
UNKNOWN: Mapping[str, Any] = {
    "chain": [{"name": "temperature", "options": {"temperature": 0.5}, "enabled": True}],
    "prompt": "",
    "count": 5,
    "every": 0,
    "seed": 0,
}
"""How texts are sampled where that is not known."""

_TEMPERATURE = """\
def temperature(logits, value):
    \"\"\"Below 1 the likely grow likelier, above 1 the odds even out.\"\"\"
    return [logit / value for logit in logits]"""
_REPETITION = """\
def repetition_penalty(logits, seen, penalty):
    \"\"\"Make the tokens that were seen less likely.\"\"\"
    seen = set(seen) - {BOS}
    return [
        (x / penalty if x > 0 else x * penalty) if token in seen else x
        for token, x in enumerate(logits)
    ]"""
_TOP_K = """\
def top_k(logits, k):
    \"\"\"Keep the k likeliest tokens.\"\"\"
    ranked = sorted(range(vocab_size), key=lambda token: -logits[token])[:k]
    return [x if token in ranked else -math.inf for token, x in enumerate(logits)]"""
_TOP_P = """\
def top_p(logits, p):
    \"\"\"Keep the fewest likeliest tokens whose chances reach p together.\"\"\"
    chances, sum_so_far, kept = softmax(logits), 0.0, set()
    for token in sorted(range(vocab_size), key=lambda token: -logits[token]):
        kept.add(token)
        sum_so_far += chances[token]
        if sum_so_far >= p:
            break
    return [x if token in kept else -math.inf for token, x in enumerate(logits)]"""
_MIN_P = """\
def min_p(logits, p):
    \"\"\"Keep the tokens that are at least p times as likely as the likeliest.\"\"\"
    chances = softmax(logits)
    least = p * max(chances)
    return [x if chance >= least else -math.inf for x, chance in zip(logits, chances)]"""


@dataclass(frozen=True, slots=True)
class ScriptLink:
    """A link of the chain, as source."""

    function: str
    call: str


def link_of(name: str, options: Mapping[str, Any], size: int) -> ScriptLink | None:
    """The source of a strategy with these knobs, over a vocabulary of `size`; None if it changes no
    logits."""
    match name:
        case "temperature":
            value = strategies.TemperatureKnobs(**options).temperature
            if value != 1:
                return _made(_TEMPERATURE, f"temperature(logits, {literal(value)})")
        case "repetition-penalty":
            knobs = strategies.RepetitionKnobs(**options)
            seen = f"tokens[-{literal(knobs.window) if knobs.window else 'block_size'} :]"
            if knobs.penalty != 1:
                penalty = literal(knobs.penalty)
                return _made(_REPETITION, f"repetition_penalty(logits, {seen}, {penalty})")
        case "top-k":
            k = strategies.TopKKnobs(**options).top_k
            if 0 < k < size:
                return _made(_TOP_K, f"top_k(logits, {literal(k)})")
        case "top-p":
            p = strategies.TopPKnobs(**options).top_p
            if p != 1:
                return _made(_TOP_P, f"top_p(logits, {literal(p)})")
        case "min-p":
            p = strategies.MinPKnobs(**options).min_p
            if p != 0:
                return _made(_MIN_P, f"min_p(logits, {literal(p)})")
    return None


def _made(function: str, call: str) -> ScriptLink:
    return ScriptLink(function, f"logits = {call}")
