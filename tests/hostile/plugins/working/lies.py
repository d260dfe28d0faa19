"""Decodes to something else."""

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Bad(CharTokenizer):
    def decode(self, ids):
        return "[b]lies\x1b[2J"


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="lies", summary="not well", factory=Bad)
