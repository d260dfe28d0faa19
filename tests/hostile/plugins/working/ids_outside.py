"""Gives ids that are out of range."""

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Bad(CharTokenizer):
    def encode(self, text):
        return [self.vocab_size + 3]


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="ids-outside", summary="not well", factory=Bad)
