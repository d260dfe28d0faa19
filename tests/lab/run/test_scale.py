"""A large text opens in bounded memory, with progress; a long run comes to the screen in parts."""

from __future__ import annotations

import random
import time
import tracemalloc
from array import array
from pathlib import Path

import pytest

from microgpt import documents
from playground import packed
from playground.hooks.registry import Registry
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.frames import FrameRequest
from playground.lab.run import data, distinct, split
from playground.lab.run.data import BUDGET
from playground.lab.run.guard import Activity, make
from playground.lab.run.recited import KnownTexts
from playground.lab.run.setup import PreparedRun, prepare_run
from playground.lab.session import Session
from tests.lab.conftest import text_run

KINDS = {"short lines": "lines", "words": "windows", "Chinese": "lines", "emoji": "lines"}


def text_of(kind: str, size: int) -> str:
    rng = random.Random(1)
    if kind == "short lines":  # the most documents, and hardly any twice
        letters = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=size))
        return "".join(f"{letters[at : at + 8]}\n" for at in range(0, size * 8 // 9, 8))
    if kind == "words":
        return " ".join(rng.choices(("all", "work", "and", "no", "play"), k=size // 5))
    if kind == "Chinese":
        letters = "".join(rng.choices([chr(0x4E00 + n) for n in range(500)], k=size // 3))
        return "\n".join(letters[at : at + 20] for at in range(0, len(letters), 20))
    return "\n".join(f"words {number % 999} and a fox 🦊" for number in range(size // 25))


def peak_of(path: Path, split_into: str, registry: Registry) -> int:
    """The most bytes of memory while the documents of a file are read and set in their order."""
    options = {"path": str(path), "split": split_into}
    dataset, guard = make(registry, "dataset", "text-file", options, Activity())
    tracemalloc.start()
    try:
        found = data.read(dataset, guard, path, lambda _: None, str(path), None)
        known = KnownTexts(found.texts)
        order, _ = split.shuffled(len(found.texts), 1)
        parts = split.split(found.texts, known.distinct, order, 0.1, "text")
        assert len(parts.train) > len(parts.heldout) > 50
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_the_memory_of_a_large_text_stays_in_its_budget(
    kind: str, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On small texts, taken in smaller parts; what is the same for both is not counted."""
    for module, name, size in (
        (documents, "_CHUNK", 2**12),
        (packed, "_PIECE", 2**12),
        (distinct, "_EVERY", 2**10),
        (split, "_EVERY", 2**10),
        (data, "MOST", 0),  # no text is kept
    ):
        monkeypatch.setattr(module, name, size)
    peaks, sizes = list[int](), list[int]()
    for size in (60_000, 60_000, 180_000):  # the first one loads what is loaded once
        path = tmp_path / "text.txt"
        path.write_text(text_of(kind, size), encoding="utf-8")
        peaks.append(peak_of(path, KINDS[kind], registry))
        sizes.append(path.stat().st_size)
    assert 1 < (peaks[2] - peaks[1]) / (sizes[2] - sizes[1]) < BUDGET


def test_opening_tells_how_far_it_is_in_each_stage(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((documents, "_CHUNK"), (packed, "_PIECE")):
        monkeypatch.setattr(module, name, 1000)
    for module in (distinct, split):
        monkeypatch.setattr(module, "_EVERY", 500)
    path = tmp_path / "text.txt"
    path.write_text(text_of("short lines", 40_000) * 2, encoding="utf-8")
    told: list[Progress] = []
    tokenizer = {"name": "word", "options": {}}
    prepare_run(text_run(path, tokenizer=tokenizer), registry, None, told.append, Activity())
    for stage in (
        "cutting text.txt",
        "looking at the letters",
        "tokenizer word",
        "looking for repeats",
        "shuffling",
        "holding out",
    ):
        parts = [one.done / one.total for one in told if one.stage == stage and one.total]
        assert len(parts) > 3 and parts == sorted(parts), stage
        assert 0 <= parts[0] < 0.5 < parts[-1] <= 1, stage


def test_of_a_huge_document_no_more_is_decoded_than_is_seen(
    tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(["ab" * 2_000_000, "ba" * 2_000_000, "🦊"]), encoding="utf-8")
    run: PreparedRun = prepare_run(
        text_run(path, holdout=0.0), registry, None, lambda _: None, Activity()
    )
    began = time.process_time()
    tracemalloc.start()
    documents = [run.documents[at] for at in range(3)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000 and time.process_time() - began < 1
    whole = [run.encoder.document(run.train[at]) for at in range(3)]
    assert documents == whole


def test_the_losses_of_many_steps_come_in_parts_that_join(
    tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(f"line {n}" for n in range(50)), encoding="utf-8")
    session = Session.open(text_run(path, steps=40, eval_every=3), registry)
    while session.advance():
        pass
    whole = session.frame(FrameRequest()).metrics
    assert whole.rest == 0 and len(whole.losses) == 40
    since, losses, evaluations, clock = 0, array("d"), list[tuple[int, float]](), list[object]()
    for rest in (24, 8, 0):
        part = session.frame(FrameRequest(since, most_steps=16)).metrics
        assert part.rest == rest and part.first_step == since + 1
        losses += part.losses
        evaluations += part.evaluations
        clock += part.clock
        since += len(part.losses)
    assert losses == whole.losses and tuple(evaluations) == whole.evaluations
    assert set(whole.clock) <= {*clock}
