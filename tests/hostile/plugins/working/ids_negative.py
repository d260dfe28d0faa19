"""Gives ids below 0."""

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Bad(CharTokenizer):
    def encode(self, text):
        return [-1 for _ in text]


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="ids-negative", summary="not well", factory=Bad)
