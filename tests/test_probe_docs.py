"""docs/probes.md: the default run gives the answers that the page shows."""

from __future__ import annotations

import json

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.probe_answers import compare
from playground.lab.protocol.probes import ProbeSet
from playground.lab.run.guard import Activity
from playground.lab.run.probes import Prober
from playground.lab.run.sampling import Sampler
from playground.lab.run.setup import prepare_run
from playground.lab.run.training import Training
from playground.lab.spec import RunSpec
from playground.tui.screens.probes.answers import change_lines
from tests.docs_helpers import ROOT, blocks

PAGE = ROOT / "docs" / "probes.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_default_run_answers_as_the_page_shows() -> None:
    registry = load(PluginSources(entry_points=False))
    prepared = prepare_run(RunSpec(), registry, None, lambda _: None, Activity())
    training = Training(prepared)
    follows = prepared.spec.model.model_dump()
    sampler = Sampler(
        registry, training.current, prepared.encoder, prepared.config, follows, Activity()
    )
    prober = Prober(sampler)
    prober.set(ProbeSet.from_dict(json.loads(blocks(TEXT, "json")[0])))
    answers = {}
    for step in (0, 900, 1000):
        while training.step < step:
            assert training.forward(step - training.step)
        answers[step] = prober.probe(step)
    reasons = {one.number: one.reason for one in prober.skipped}
    shown = []
    for before, after in ((0, 1000), (900, 1000)):
        one, other = answers[before], answers[after]
        assert one is not None and other is not None
        lines = change_lines(compare(one, other, prober.probes.prompts), 76, reasons)
        shown.append("".join(f"{line.plain}\n" for line in lines))
    assert shown == blocks(TEXT, "text")
