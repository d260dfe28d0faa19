"""From logits to the next token: pure functions over plain lists.

Logits are real numbers, -inf means "never". Every filter keeps at least one token, breaks ties in
favour of the lower id, and raises ValueError for nan, since no honest draw exists then. Only
`draw` takes random numbers.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Sequence

from microgpt.engine import Decoder

MASKED = -math.inf


def softmax(logits: Sequence[float]) -> list[float]:
    """Probabilities, summing to 1. With every logit masked, all are equal."""
    largest = _largest(logits)
    if math.isinf(largest):  # inf - inf is nan: the +inf share alike, or all are masked
        exps = [float(logit == largest) for logit in logits]
    else:
        exps = [math.exp(logit - largest) for logit in logits]
    total = sum(exps)
    return [e / total for e in exps]


def log_softmax(logits: Sequence[float]) -> list[float]:
    """Logarithms of the probabilities in nats; finite where softmax would underflow to 0."""
    largest = _largest(logits)
    if math.isinf(largest):
        return [math.log(p) if p else MASKED for p in softmax(logits)]
    log_total = math.log(sum(math.exp(logit - largest) for logit in logits))
    return [logit - largest - log_total for logit in logits]


def temperature(logits: Sequence[float], value: float) -> list[float]:
    """Divide by `value`: below 1 the likely grow likelier, above 1 the odds even out.

    0 is the limit: only the likeliest token stays. Raises ValueError below 0.
    """
    if not value >= 0:
        raise ValueError(f"temperature must be 0 or more, not {value}")
    largest = _largest(logits)
    if value == 0:
        return greedy(logits)
    if math.isinf(value):  # even odds among what is not masked
        return [logit if math.isinf(logit) else 0.0 for logit in logits]
    scaled = [logit / value for logit in logits]
    if math.isinf(max(scaled)) and not math.isinf(largest):
        # A tiny temperature overflowed; only differences count, so take the largest off first.
        scaled = [(logit - largest) / value for logit in logits]
    return scaled


def greedy(logits: Sequence[float]) -> list[float]:
    """Keep only the likeliest token."""
    return top_k(logits, 1)


def top_k(logits: Sequence[float], k: int) -> list[float]:
    """Keep the k likeliest tokens (Fan et al. 2018, arXiv:1805.04833). ValueError below 1."""
    if k < 1:
        raise ValueError(f"top_k must be 1 or more, not {k}")
    return _keep(logits, _by_rank(logits)[:k])


def top_p(logits: Sequence[float], p: float) -> list[float]:
    """Keep the fewest likeliest tokens whose probabilities reach p together.

    Nucleus sampling (Holtzman et al. 2019, arXiv:1904.09751). ValueError outside [0, 1].
    """
    if not 0 <= p <= 1:
        raise ValueError(f"top_p must be between 0 and 1, not {p}")
    ranked = _by_rank(logits)
    if p == 1:
        return list(logits)  # rounding must not cost the tail its place
    probs = softmax(logits)
    mass = 0.0
    for kept, token in enumerate(ranked, start=1):
        mass += probs[token]
        if mass >= p:
            return _keep(logits, ranked[:kept])
    return list(logits)


def min_p(logits: Sequence[float], p: float) -> list[float]:
    """Keep the tokens at least p times as probable as the likeliest.

    Nguyen et al. 2024, arXiv:2407.01082. ValueError outside [0, 1].
    """
    if not 0 <= p <= 1:
        raise ValueError(f"min_p must be between 0 and 1, not {p}")
    probs = softmax(logits)
    threshold = p * max(probs)
    return _keep(logits, [i for i, prob in enumerate(probs) if prob >= threshold])


def repetition_penalty(
    logits: Sequence[float], seen: Collection[int], penalty: float
) -> list[float]:
    """Divide the positive, multiply the negative logits of tokens already seen by `penalty`.

    CTRL (Keskar et al. 2019, arXiv:1909.05858, section 4.1), in the form that lowers the logit
    whatever its sign; 1 changes nothing, below 1 invites repetition. ValueError unless above 0.
    """
    if not (penalty > 0 and math.isfinite(penalty)):
        raise ValueError(f"repetition_penalty must be finite and above 0, not {penalty}")
    _largest(logits)
    repeated = set(seen)
    return [
        (logit / penalty if logit > 0 else logit * penalty) if token in repeated else logit
        for token, logit in enumerate(logits)
    ]


def draw(probs: Sequence[float], rng: random.Random) -> int:
    """One token, by its probability: one number of the random stream, as in microgpt.py.

    Raises ValueError if the probabilities are not finite, negative, or all 0.
    """
    if not probs or not all(math.isfinite(p) and p >= 0 for p in probs) or not any(probs):
        raise ValueError(
            "cannot draw a token: the probabilities must be finite, not negative, and not all 0"
        )
    return rng.choices(range(len(probs)), weights=probs)[0]


def generate(
    decoder: Decoder,
    bos_id: int,
    block_size: int,
    choose: Callable[[list[float]], int],
    prompt_ids: Sequence[int] = (),
) -> list[int]:
    """Continue BOS + prompt until `choose` says BOS or the context is full.

    choose: logits (vocab_size) -> token. Returns the ids after BOS, prompt included, final BOS
    not; at most block_size of them, so a longer prompt raises ValueError.
    Source: microgpt.py, the sampling loop.
    """
    ids = list(prompt_ids)
    if len(ids) > block_size:
        raise ValueError(
            f"the prompt has {len(ids)} tokens, the model looks at {block_size} (block_size)"
        )
    if len(ids) == block_size:  # nothing can follow, so nothing needs to be read
        return ids
    logits = decoder.push(bos_id)
    for token in prompt_ids:
        logits = decoder.push(token)
    while len(ids) < block_size:
        token = choose(logits)
        if token == bos_id:
            break
        ids.append(token)
        if len(ids) < block_size:
            logits = decoder.push(token)
    return ids


def _largest(logits: Sequence[float]) -> float:
    if not logits:
        raise ValueError("there are no logits to choose from")
    if any(map(math.isnan, logits)):
        raise ValueError("a logit is nan (not a number): the model's weights have diverged")
    return max(logits)


def _by_rank(logits: Sequence[float]) -> list[int]:
    """Token ids, the likeliest first; equal ones in the order of their ids."""
    _largest(logits)
    return sorted(range(len(logits)), key=lambda token: -logits[token])


def _keep(logits: Sequence[float], tokens: Sequence[int]) -> list[float]:
    kept = [MASKED] * len(logits)
    for token in tokens:
        kept[token] = logits[token]
    return kept
