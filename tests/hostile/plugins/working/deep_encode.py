"""Recurses without end in encode."""

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Bad(CharTokenizer):
    def encode(self, text):
        return self.encode(text)


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="deep-encode", summary="not well", factory=Bad)
