"""Gives words for ids."""

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Bad(CharTokenizer):
    def encode(self, text):
        return list(text)


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="ids-words", summary="not well", factory=Bad)
