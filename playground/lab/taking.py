"""What was set in another run, taken over as far as it fits this one.

What does not fit is no reason not to open a run: each function returns what a person should know
of it, as texts.
"""

from __future__ import annotations

from dataclasses import replace

from playground.lab.events import LabError
from playground.lab.measuring import Measurer
from playground.lab.prober import Prober
from playground.lab.protocol import DEFAULT_CHAIN, Measuring, ProbeSet, Sampling
from playground.lab.sampler import Sampler


def take_sampling(sampler: Sampler, wanted: Sampling) -> list[str]:
    """The chain and the prompt; without the prompt if these data have no such tokens, with the
    usual chain if it cannot be either."""
    refused: list[str] = []
    without_prompt = replace(wanted, prompt="")
    for sampling in (wanted, without_prompt, replace(without_prompt, chain=DEFAULT_CHAIN)):
        try:
            sampler.set(sampling)
            break
        except LabError as error:
            refused.append(error.failure.message)
    return [f"sampling was changed: {text}" for text in refused[:1]]


def take_measuring(measurer: Measurer, wanted: Measuring) -> list[str]:
    """Those metrics that there are here."""
    told: list[str] = []
    for choice in wanted.metrics:
        metrics = (*measurer.measuring.metrics, choice)
        try:
            measurer.set(replace(wanted, metrics=metrics))
        except LabError as error:
            told.append(f"the metric {choice.name} is off: {error.failure.message}")
    return told


def take_probes(prober: Prober, wanted: ProbeSet) -> list[str]:
    """Those probes that can be asked; a set that cannot be is none."""
    try:
        prober.set(wanted)
    except LabError:
        return []
    return [f"{one} is not asked" for one in prober.skipped[:1]]
