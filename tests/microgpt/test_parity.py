"""The engines give the numbers that microgpt.py printed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest

from microgpt import (
    CharTokenizer,
    ModelConfig,
    OptimizerConfig,
    Trainer,
    parameter_count,
    parameter_layout,
    read_text,
    sampling,
    shuffle_and_init,
    split_lines,
)
from tests.microgpt.conftest import DATA, ENGINES

RUNS = {run["name"]: run for run in json.loads((DATA / "trajectories.json").read_text())}


def start(run: dict, engine: str) -> tuple[Trainer, CharTokenizer, random.Random]:
    documents = split_lines(read_text(DATA / "corpus.txt"))
    tokenizer = CharTokenizer(set("".join(documents)))
    config = ModelConfig(
        tokenizer.vocab_size, run["n_embd"], run["n_head"], run["n_layer"], run["block_size"]
    )
    weights, rng = shuffle_and_init(documents, config, run["seed"])
    bos = tokenizer.bos_id
    tokens = [[bos, *tokenizer.encode(document), bos] for document in documents]
    optimizer = OptimizerConfig()
    return (
        Trainer(ENGINES[engine](config, optimizer, weights), tokens, optimizer, run["steps"]),
        tokenizer,
        rng,
    )


@pytest.mark.parametrize("name", RUNS)
def test_a_whole_run_gives_microgpt_losses_weights_and_samples(name):
    run = RUNS[name]
    trainer, tokenizer, rng = start(run, "vector")
    assert parameter_count(trainer.engine.config) == run["num_params"]
    losses = [trainer.advance().loss for _ in range(run["steps"])]
    assert losses == pytest.approx(run["losses"], rel=1e-9)

    weights = trainer.engine.read("weights")
    sums = {spec.name: sum(weights[spec.slice]) for spec in parameter_layout(trainer.engine.config)}
    assert sums == pytest.approx(run["final_weight_sums"], rel=1e-9)

    def choose(logits):
        return sampling.draw(
            sampling.softmax(sampling.temperature(logits, run["temperature"])), rng
        )

    samples = [
        tokenizer.decode(
            sampling.generate(trainer.engine.decoder(), tokenizer.bos_id, run["block_size"], choose)
        )
        for _ in run["samples"]
    ]
    assert samples == run["samples"]


SHORT = "MICROGPT_SHORT" in os.environ
"""True if only the beginning is compared, since another Python compares the whole."""


@pytest.mark.parametrize(
    ("name", "steps"), [("one-layer", 30 if SHORT else 100), ("two-layers", 3 if SHORT else 10)]
)
def test_the_reference_engine_goes_like_microgpt(name, steps):
    run = RUNS[name]
    trainer, _, _ = start(run, "scalar")
    losses = [trainer.advance().loss for _ in range(steps)]
    assert losses == pytest.approx(run["losses"][:steps], rel=1e-9)


def test_the_command_repeats_microgpt_on_names_txt(reference):
    command = [sys.executable, "-m", "microgpt", str(reference / "names.txt"), "--json"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    *steps, last = map(json.loads, output.splitlines())
    losses = [
        float(line.split()[-1])
        for line in (reference / "microgpt_losses.txt").read_text().splitlines()
    ]
    assert [step["loss"] for step in steps] == pytest.approx(losses, rel=1e-9)
    assert [step["step"] for step in steps] == list(range(1, 1001))
    samples = (reference / "microgpt_samples.txt").read_text().split("\n")[:20]
    assert last == {"samples": samples}
