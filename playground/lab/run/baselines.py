"""What the data show before anything is learnt: baselines and notices."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microgpt.shell import new_name, shell_word
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.run import Baseline, Notice
from playground.lab.run.data import LONG, Documents, Encoder, Report
from playground.lab.spec import RunSpec
from playground.words import many

LOOKED_AT = 50_000
"""The most documents that the survey reads."""
_PATIENCE = 5.0
"""Seconds after which the survey stops with what it has read."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the survey of the training documents found."""

    baselines: tuple[Baseline, ...]
    longest: int
    """Tokens in the longest document, without BOS."""
    beyond: float
    """Share of the tokens that the model never sees, 0..1."""
    tokens_per_document: float
    """Mean number of predicted tokens in a document."""


def survey(texts: Sequence[str], encoder: Encoder, report: Report) -> Survey:
    """Survey the first documents. Raises UnknownTextError, PluginError, what `report` raises."""
    block, bos = encoder.block_size, encoder.bos_id
    pairs: Counter[tuple[int, int]] = Counter()
    longest = documents = 0
    reach = total = 0.0
    count = min(len(texts), LOOKED_AT)
    began = told = time.monotonic()
    for text in texts[:count]:
        ids = encoder.seen(text)
        size = len(ids)
        seen = min(size, block)
        inputs = [bos, *ids[: block - 1]]
        targets = ids[:block] if size >= block else [*ids, bos]
        pairs.update(zip(inputs, targets, strict=False))
        documents += 1
        full = size if len(text) <= LONG else size * _share(text, encoder, ids)
        longest = max(longest, round(full))
        reach += seen
        total += full
        if documents % 256 == 0:
            now = time.monotonic()
            if now - told > 0.05:
                told = now
                report(Progress("measuring baselines", documents, count))
            if now - began > _PATIENCE:
                break
    return Survey(
        baselines=_baselines(pairs, encoder.vocab_size),
        longest=longest,
        beyond=1 - reach / total if total else 0.0,
        tokens_per_document=pairs.total() / documents,
    )


def _share(text: str, encoder: Encoder, ids: Sequence[int]) -> float:
    """The length of the text over the length of its encoded part; 1 or more."""
    decoded = len(encoder.decode(ids))
    return max(1.0, len(text) / decoded) if decoded else 1.0


def _baselines(pairs: Counter[tuple[int, int]], vocab_size: int) -> tuple[Baseline, ...]:
    """Losses without learning, in nats a token, on the tokens that they are counted from."""
    unigram: Counter[int] = Counter()
    previous: Counter[int] = Counter()
    for (before, token), count in pairs.items():
        unigram[token] += count
        previous[before] += count
    total = pairs.total()
    log = math.log
    unigram_nats = -sum(n * log(n / total) for n in unigram.values()) / total
    bigram_nats = -sum(n * log(n / previous[pair[0]]) for pair, n in pairs.items()) / total
    return (
        Baseline("uniform", log(vocab_size)),
        Baseline("unigram", max(0.0, unigram_nats)),
        Baseline("bigram", max(0.0, bigram_nats)),
    )


def notices(
    spec: RunSpec,
    documents: Documents,
    train: int,
    heldout: int,
    vocab_size: int,
    look: Survey,
    share: float,
) -> tuple[Notice, ...]:
    """What a person should know about their data. share: the share to hold out, as asked for."""
    found: list[Notice] = []
    block = spec.model.block_size
    if look.beyond >= 0.01:
        text = (
            f"{look.beyond:.0%} of the text lies beyond the first {block} tokens and is never seen"
        )
        windows = (
            spec.dataset.name.endswith("text-file")
            and spec.dataset.options.get("split", "lines") != "windows"
        )
        if windows:
            found.append(Notice(f"{text}; windows would use all of it", "split:windows"))
        else:
            found.append(Notice(f"{text}; a longer context would see more of it"))
    if documents.control:
        found.append(
            Notice(
                f"the text holds control characters, such as U+{ord(documents.control):04X}: "
                "the model learns them like letters"
            )
        )
    found += _of_letters(spec, documents)
    if share > 0 and not heldout:
        found.append(Notice(f"too few documents ({train:,}) to hold any out: no hold-out loss"))
    drawn = spec.steps * spec.batch_size
    if drawn > 3 * train:
        found.append(
            Notice(
                f"{many(train, 'document')}; {_steps(spec.steps)} each about "
                f"{drawn / train:,.0f} times: it may learn them by heart"
            )
        )
    elif train > 100 * drawn:
        found.append(
            Notice(f"{many(train, 'document')}; {_steps(spec.steps)} {_percent(drawn / train)}")
        )
    if vocab_size > 2000:
        found.append(
            Notice(
                f"{vocab_size:,} tokens in the vocabulary: each is seen seldom, "
                "and every step is slow"
            )
        )
    return tuple(found)


def _of_letters(spec: RunSpec, documents: Documents) -> list[Notice]:
    """Notices of letters that look alike or like nothing, with the command that helps."""
    look, path = documents.look, spec.dataset.options.get("path")
    unseen, spaces, mixed = look.unseen(), look.spaces(), look.mixed(documents.texts)
    said = []
    if unseen:
        said.append(f"invisible characters, {unseen}: the model learns them like letters")
    if spaces:
        said.append(f"spaces that look like the ordinary one, {spaces}: the model tells them apart")
    if mixed:
        said.append(
            f"the same letters composed and decomposed (NFC and NFD), {mixed}: they look alike, "
            "and the model tells them apart"
        )
    if not said:
        return []
    cure = ""
    if isinstance(path, str) and path and spec.dataset.name.endswith("text-file"):
        new = new_name(f"{Path(path).stem}-tidy.txt")
        cure = f"; to mend that: microgpt-play tidy {shell_word(path)} {shell_word(new)}"
    return [Notice(f"the text holds {'; '.join(said)}{cure}")]


def _percent(share: float) -> str:
    percent = 100 * share
    if percent < 0.01:
        return "less than 0.01 % of them"
    return f"{percent:.2g} % of them" if percent < 10 else f"{percent:.0f} % of them"


def _steps(number: int) -> str:
    """ "1 step sees", "1,000 steps see"."""
    return many(number, "step") + (" see" if number != 1 else " sees")
