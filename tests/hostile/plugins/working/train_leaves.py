"""Leaves the program in train."""

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Bad(CharTokenizer):
    def train(self, documents):
        raise SystemExit("out of train")


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="train-leaves", summary="not well", factory=Bad)
