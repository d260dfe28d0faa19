"""A model that recites, one that knows nothing and a good one are told apart, on five texts."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from microgpt import load_names
from playground.hooks.registry import Registry
from playground.lab.protocol.failures import LabError
from playground.lab.run.guard import Activity
from playground.lab.run.saved_model import SavedModel
from playground.lab.score.score import score
from playground.lab.score.subject import prepared_of, subject_of
from playground.lab.score.work import finished
from playground.lab.session import Session
from playground.lab.spec import RunSpec

PARTS = {
    "chinese": ("春夏秋冬早晚", "山水风雨云月", "来去高低远近", "人马车船楼桥", "归行坐看听歌"),
    "prose": ("the |a |one |my ", "king |miller |sailor |widow ", "sang |slept |wept |laughed ",
              "by the |near a ", "sea.|gate.|oak."),
    "code": ("if |while ", "x|y|n|k|row", "<|>|==", "0|1|len(a)|7", ": |:  ", "y += 1|pass|n -= k"),
    "numbers": ("0123", "0123456789", "..", "0123456789", "0123456789", " EUR| USD| GBP"),
}  # fmt: skip
"""What the documents of a text are put together from."""
KINDS = ("names", *PARTS)


def texts(kind: str, count: int) -> list[str]:
    """So many different documents."""
    if kind == "names":
        return random.Random(1).sample([name for name in load_names() if len(name) > 4], count)
    rng = random.Random(1)
    found: dict[str, None] = {}
    choices = [part.split("|") if "|" in part else list(part) for part in PARTS[kind]]
    while len(found) < count:
        found["".join(map(rng.choice, choices))] = None
    return list(found)


def scored(registry: Registry, folder: Path, documents: list[str], steps: int) -> dict[str, Any]:
    """The score of a model after so many steps on these documents."""
    path = folder / "text.txt"
    path.write_text("\n".join(documents) + "\n", encoding="utf-8")
    spec = RunSpec.model_validate(
        {
            "dataset": {"name": "text-file", "options": {"path": str(path)}},
            "model": {"n_embd": 12, "n_head": 2, "block_size": 28},
            "optimizer": {"learning_rate": 0.02},
            "steps": max(1, steps),
            "holdout": 0.2,
        }
    )
    session = Session.open(spec, registry)
    while session.step < steps:
        assert session.advance(steps - session.step)
    checkpoint = session.checkpoint()
    session.close()
    activity = Activity()
    prepared = prepared_of(checkpoint, spec, registry, activity, lambda _: None)
    model = SavedModel.of(checkpoint, registry, activity)
    return score(finished(subject_of(model, prepared, samples=20, seed=1)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_reciting_a_uniform_and_a_good_model_are_told_apart(
    kind: str, registry: Registry, tmp_path: Path
) -> None:
    documents = texts(kind, 150)
    untrained = scored(registry, tmp_path, documents, 0)
    assert "no better than counting single tokens" in untrained["verdict"]
    assert "It recites" not in untrained["verdict"]
    good = scored(registry, tmp_path, documents, 120)
    assert "better than uniform and unigram" in good["verdict"].replace(", unigram", " and unigram")
    assert "It recites" not in good["verdict"]
    assert good["heldout"]["unseen"] == 30
    bits = good["heldout"]["bits_per_character"]
    assert bits["low"] < bits["value"] < bits["high"]
    assert bits["high"] < untrained["heldout"]["bits_per_character"]["low"]
    by_heart = scored(registry, tmp_path, documents[:4], 120)
    assert by_heart["verdict"].startswith("It recites: "), by_heart["verdict"]
    assert by_heart["samples"]["recited"]["low"] > good["samples"]["recited"]["high"]


@pytest.mark.parametrize("other", ["olec", "Ωmega"])
def test_other_texts_than_those_of_the_run_are_refused(
    other: str, registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("anna\nbob\ncleo\n", encoding="utf-8")
    dataset = {"name": "text-file", "options": {"path": str(path)}}
    spec = RunSpec.model_validate({"dataset": dataset, "steps": 1})
    session = Session.open(spec, registry)
    checkpoint = session.checkpoint()
    path.write_text(f"anna\nbob\n{other}\n", encoding="utf-8")
    with pytest.raises(LabError, match="not those that the run learnt from"):
        prepared_of(checkpoint, spec, registry, Activity(), lambda _: None)
