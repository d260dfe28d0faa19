"""Never returns from encode."""

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Bad(CharTokenizer):
    def encode(self, text):
        while True:
            pass


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="encode-hangs", summary="not well", factory=Bad)
