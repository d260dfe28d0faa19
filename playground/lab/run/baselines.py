"""What the data show before anything is learnt: baselines and notices."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from microgpt.shell import new_name, shell_word
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.run import Baseline, Notice
from playground.lab.run.counting import ORDERS, NGrams
from playground.lab.run.data import LONG, Documents, Encoder, Report
from playground.lab.run.evaluation import HeldOut
from playground.lab.run.split import Parts
from playground.lab.spec import RunSpec
from playground.words import many

LOOKED_AT = 50_000
"""The most documents that the survey reads."""
_TOKENS = 2**20
"""Predicted tokens after which the survey stops."""
_CHARACTERS = 2**23
"""Characters of documents after which the survey stops."""
_PATIENCE = 5.0
"""Seconds after which the survey stops with what it has read, if a plugin's tokenizer is slow."""
MANY_REPEATS = 0.1
"""Share of documents that repeat another one which is worth a notice."""
LINES = 64
"""The most tokens of a document for which a longer context is the cure: in a list of names or of
short lines each line is a text of its own, which windows would tear apart."""
SAME_START = 0.01
"""Share of held-out documents that begin like training documents which is worth a notice."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the survey of the training documents found."""

    counted: NGrams
    longest: int
    """Tokens in the longest document, without BOS."""
    beyond: float
    """Share of the tokens that the model never sees, 0..1."""
    tokens_per_document: float
    """Mean number of predicted tokens in a document."""
    starts: frozenset[tuple[int, ...]]
    """The documents of which the model sees no end, as far as it sees them."""


def survey(texts: Sequence[str], encoder: Encoder, report: Report) -> Survey:
    """Survey the first documents. Raises UnknownTextError, PluginError, what `report` raises."""
    block = encoder.block_size
    counted = NGrams(encoder.vocab_size)
    longest = characters = 0
    reach = total = 0.0
    starts: set[tuple[int, ...]] = set()
    count = min(len(texts), LOOKED_AT)
    began = told = time.monotonic()
    for text in texts[:count]:
        ids = encoder.seen(text)
        size = len(ids)
        counted.add(predicted(ids, encoder))
        if size >= block:
            starts.add(tuple(ids[:block]))
        full = size if len(text) <= LONG else size * _share(text, encoder, ids)
        longest = max(longest, round(full))
        reach += min(size, block)
        total += full
        characters += min(len(text), LONG)
        if counted.tokens >= _TOKENS or characters >= _CHARACTERS:
            break
        if counted.documents % 256 == 0:
            now = time.monotonic()
            if now - told > 0.05:
                told = now
                report(Progress("measuring baselines", counted.documents, count))
            if now - began > _PATIENCE and not encoder.guard.trusted:
                break
    return Survey(
        counted=counted,
        longest=longest,
        beyond=1 - reach / total if total else 0.0,
        tokens_per_document=counted.tokens / counted.documents,
        starts=frozenset(starts),
    )


def predicted(ids: Sequence[int], encoder: Encoder) -> list[int]:
    """The tokens of a document that the model predicts: the first block_size ones, and BOS at the
    end if that is within reach. ids: the document without BOS."""
    block = encoder.block_size
    return list(ids[:block]) if len(ids) >= block else [*ids, encoder.bos_id]


def _share(text: str, encoder: Encoder, ids: Sequence[int]) -> float:
    """The length of the text over the length of its encoded part; 1 or more."""
    decoded = len(encoder.decode(ids))
    return max(1.0, len(text) / decoded) if decoded else 1.0


def baselines(look: Survey, heldout: HeldOut, encoder: Encoder) -> tuple[Baseline, ...]:
    """The losses that counting the training documents reaches, in nats a token: for each number of
    held-out documents that an engine looks at, on just these; on the training documents if none
    are held out."""
    found: list[Baseline] = []

    def add(sums: Sequence[float], tokens: int, documents: int) -> None:
        found.append(Baseline("uniform", math.log(encoder.vocab_size), documents))
        for name, nats in zip(ORDERS, sums, strict=True):
            found.append(Baseline(name, max(0.0, nats / tokens), documents))

    counted = look.counted
    if not heldout.documents:
        add(counted.losses_of(counted), counted.tokens, 0)
    parts: list[NGrams] = []
    before = 0
    for count in heldout.counts:
        parts.append(NGrams(encoder.vocab_size))
        for document in heldout.documents[before:count]:
            parts[-1].add(predicted(document[1:-1], encoder))
        before = count
    sums, tokens = [0.0, 0.0, 0.0], 0
    losses = counted.losses_of_each(parts)
    for count, part, its in zip(heldout.counts, parts, losses, strict=True):
        sums = [a + b for a, b in zip(sums, its, strict=True)]
        tokens += part.tokens
        add(sums, tokens, count)
    return tuple(found)


def same_starts(look: Survey, heldout: HeldOut, block_size: int) -> float:
    """Share of the held-out documents looked at that are like a training document as far as the
    model sees them."""
    seen = [tuple(document[1:-1][:block_size]) for document in heldout.documents]
    return sum(start in look.starts for start in seen) / max(1, len(seen))


def notices(
    spec: RunSpec,
    documents: Documents,
    parts: Parts,
    vocab_size: int,
    look: Survey,
    same_start: float,
) -> tuple[Notice, ...]:
    """What a person should know about their data. same_start: from `same_starts`."""
    found: list[Notice] = []
    train = len(parts.train)
    block = spec.model.block_size
    if look.beyond >= 0.01:
        text = (
            f"{look.beyond:.0%} of the text lies beyond the first {block} tokens and is never seen"
        )
        windows = (
            spec.dataset.name.endswith("text-file")
            and spec.dataset.options.get("split", "lines") != "windows"
        )
        whole = look.longest + 1  # the end of a document is predicted too
        brief = f"{look.beyond:.0%} of the text is never seen"
        if whole <= LINES:
            cure = f"a context length of {whole} would see all of it"
            found.append(Notice(f"{text}; {cure}", brief=f"{brief}: context length {whole}"))
        elif windows:
            cure = "windows would use all of it"
            found.append(Notice(f"{text}; {cure}", "split:windows", brief))
        else:
            found.append(Notice(f"{text}; a longer context would see more of it", brief=brief))
    if documents.control:
        found.append(
            Notice(
                f"the text holds control characters, such as U+{ord(documents.control):04X}: "
                "the model learns them like letters",
                brief="the text holds control characters",
            )
        )
    found += _of_letters(spec, documents)
    found += _of_repeats(spec, parts)
    if same_start >= SAME_START:
        found.append(
            Notice(
                f"{same_start:.0%} of the held-out documents begin with the same {block} tokens as "
                "a training document: the model, which sees no more, cannot tell them apart",
                brief=f"{same_start:.0%} of the held-out documents begin like one of training",
            )
        )
    drawn = spec.steps * spec.batch_size
    if drawn > 3 * train:
        found.append(
            Notice(
                f"{many(train, 'document')}; {_steps(spec.steps)} each about "
                f"{drawn / train:,.0f} times: it may learn them by heart",
                brief=f"each document is seen about {drawn / train:,.0f} times",
            )
        )
    elif train > 100 * drawn:
        found.append(
            Notice(
                f"{many(train, 'document')}; {_steps(spec.steps)} {_percent(drawn / train)}",
                brief=f"the run sees {_percent(drawn / train, 'the documents')}",
            )
        )
    if vocab_size > 2000:
        found.append(
            Notice(
                f"{vocab_size:,} tokens in the vocabulary: each is seen seldom, "
                "and every step is slow",
                brief="a large vocabulary makes each step slow",
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
    brief = "some letters look alike or like nothing"
    return [Notice(f"the text holds {'; '.join(said)}{cure}", brief=brief)]


def _of_repeats(spec: RunSpec, parts: Parts) -> Iterator[Notice]:
    """What a person should know of repeated texts, and of what is held out or cannot be."""
    rows, distinct, heldout = parts.documents, parts.distinct, len(parts.heldout)
    counted = f"{many(rows, 'document')}, but {many(distinct, 'different text')}"
    if spec.holdout and not heldout:
        brief = "no hold-out loss: too few different texts"
        if distinct == rows:
            yield Notice(f"too few documents ({rows:,}) to hold any out: no hold-out loss")
        elif distinct == 1:
            text = (
                f"all {rows:,} documents are the same text: what is held out would also be trained "
                "on, so nothing is held out, and there is no hold-out loss"
            )
            yield Notice(text, brief=brief)
        else:
            text = f"{counted}: too few to hold any out, so there is no hold-out loss"
            yield Notice(text, brief=brief)
    elif rows - distinct >= MANY_REPEATS * rows:
        held = f"; {heldout:,} of them are held out, wherever they stand"
        text = counted + (held if heldout and spec.holdout_by == "text" else "")
        yield Notice(text, brief=f"only {many(distinct, 'different text')}")
    if also := parts.also:
        text = (
            f"{also:,} of {heldout:,} held-out documents are also trained on, as this run "
            "began with a split by row; a new run keeps them apart"
        )
        yield Notice(text, brief=f"{also:,} held-out documents are also trained on")


def _percent(share: float, of: str = "them") -> str:
    percent = 100 * share
    if percent < 0.01:
        return f"less than 0.01 % of {of}"
    return f"{percent:.2g} % of {of}" if percent < 10 else f"{percent:.0f} % of {of}"


def _steps(number: int) -> str:
    """ "1 step sees", "1,000 steps see"."""
    return many(number, "step") + (" see" if number != 1 else " sees")
