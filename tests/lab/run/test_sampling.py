"""The chain that a new run samples by, and the chain that a run of before keeps."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from playground.api import SampleContext
from playground.hooks.registry import Registry
from playground.lab.checkpoint import from_bytes, to_bytes
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.sampling import DEFAULT_CHAIN, Link, Sampling
from playground.lab.session import Session
from playground.lab.spec import RunSpec

FILTERS = ({"top-k": {"top_k": 1}}, {"top-p": {"top_p": 0.05}}, {"min-p": {"min_p": 1.0}})
BEFORE = ("temperature", "top-k", "top-p", "min-p", "repetition-penalty")
"""The order of version 0.1.0."""


def chain(order: tuple[str, ...], **turned: dict[str, float]) -> tuple[Link, ...]:
    links = {link.name: link for link in DEFAULT_CHAIN}
    return tuple(
        replace(links[name], options=turned.get(name, links[name].options)) for name in order
    )


def chosen(registry: Registry, links: tuple[Link, ...]) -> int:
    """The token that is drawn after token 0, which is the likeliest by a little."""
    context = SampleContext((2, 0), 2, 2, 3, 8, 1, random.Random(0))
    return registry.make_chain([(one.name, one.options) for one in links]).choose(
        [2.0, 1.9, -3.0], context
    )


@pytest.mark.parametrize("turned", FILTERS, ids=[*(next(iter(one)) for one in FILTERS)])
def test_no_filter_of_the_default_chain_makes_the_penalty_powerless(
    turned: dict[str, dict[str, float]], registry: Registry
) -> None:
    order = tuple(link.name for link in DEFAULT_CHAIN)
    strong = {"repetition-penalty": {"penalty": 1.5}}
    assert set(order) == set(BEFORE)
    assert chosen(registry, chain(order, **turned)) == 0
    assert chosen(registry, chain(order, **turned, **strong)) == 1
    assert chosen(registry, chain(BEFORE, **turned, **strong)) == 0


def test_a_checkpoint_of_before_samples_by_its_own_chain(spec: RunSpec, registry: Registry) -> None:
    then = Sampling(
        chain(BEFORE, **{"top-k": {"top_k": 2}, "repetition-penalty": {"penalty": 2.0}})
    )
    session = Session.open(spec, registry, observation=Observation(then))
    assert session.advance(5)
    saved = from_bytes(to_bytes(session.checkpoint()))
    assert saved.sampling == then
    again = Session.open(
        spec, registry, checkpoint=saved, observation=Observation(saved.sampling or Sampling())
    )
    assert again.sample().texts == session.sample().texts
    now = Session.open(spec, registry, checkpoint=saved)
    assert [link.name for link in now.observation.sampling.chain] != [*BEFORE]
