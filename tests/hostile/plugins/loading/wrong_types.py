"""It yields what are no Contributions."""

from playground.api import Contribution, hookimpl


@hookimpl
def microgpt_sampling_strategies():
    yield 3
    yield b"\xff"
    yield object
    yield {"name": "a dictionary"}


@hookimpl
def microgpt_tokenizers():
    return 42


@hookimpl
def microgpt_datasets():
    return "names"
