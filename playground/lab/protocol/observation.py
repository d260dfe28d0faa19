"""How a run is looked at while it trains: its samples, its metrics and its probes, as one value."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from playground.lab.protocol.probes import ProbeError, ProbeSet
from playground.lab.protocol.sampling import Measuring, Sampling, measuring_of, sampling_of
from playground.strict import Refusal, fields, parsed

Part = Sampling | Measuring | ProbeSet
"""A part of an Observation, which can be set without the others."""


@dataclass(frozen=True, slots=True)
class Observation:
    """How a run is looked at. Training does not depend on it: two runs that differ in their
    observation alone have the same losses."""

    sampling: Sampling = field(default_factory=Sampling)
    measuring: Measuring = field(default_factory=Measuring)
    probes: ProbeSet = field(default_factory=ProbeSet)

    def having(self, part: Part) -> Observation:
        """The same observation with this part replaced."""
        if isinstance(part, Sampling):
            return replace(self, sampling=part)
        if isinstance(part, Measuring):
            return replace(self, measuring=part)
        return replace(self, probes=part)

    def to_json(self) -> str:
        """The JSON text that the store keeps; equal observations give the same text."""
        parts = {
            "sampling": dataclasses.asdict(self.sampling),
            "measuring": dataclasses.asdict(self.measuring),
            "probes": self.probes.to_dict(),
        }
        return json.dumps(parts, sort_keys=True)

    def having_recorded(self, parts: Mapping[str, Any]) -> Observation:
        """The same observation with the parts of a record, given as parsed JSON; a part that the
        record lacks, or that is damaged there, stays."""
        sampling = sampling_of(parts.get("sampling")) or self.sampling
        measuring = measuring_of(parts.get("measuring")) or self.measuring
        probes = self.probes
        with suppress(ProbeError):
            probes = ProbeSet.from_dict(parts.get("probes"))
        return Observation(sampling, measuring, probes)


def recorded_parts(settings: str) -> dict[str, Any]:
    """The parts of an observation in a record, as parsed JSON; none if the record is damaged."""
    with suppress(Refusal):
        return fields(parsed(settings, "the record"), "the record")
    return {}


def check_recorded(parts: Mapping[str, Any]) -> None:
    """Raise Refusal if a part of a record is there, but is none of an observation."""
    for name, read in (("sampling", sampling_of), ("measuring", measuring_of)):
        if name in parts and read(parts[name]) is None:
            raise Refusal(f"the {name} of its settings is none")
    if "probes" in parts:
        try:
            ProbeSet.from_dict(parts["probes"])
        except ProbeError as error:
            raise Refusal(f"the probes of its settings are none ({error})") from None
