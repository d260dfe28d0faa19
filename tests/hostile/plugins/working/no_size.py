"""Has half a size."""

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Bad(CharTokenizer):
    vocab_size = 2.5
    bos_id = None

    def encode(self, text):
        return super().encode(text)


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="no-size", summary="not well", factory=Bad)
