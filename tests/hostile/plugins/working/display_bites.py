"""Displays codes for the terminal."""

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Bad(CharTokenizer):
    def display(self, token_id):
        return "[b]\x1b[2J\n" * 1000


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="display-bites", summary="not well", factory=Bad)
