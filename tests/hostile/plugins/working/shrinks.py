"""Has another size at every look."""

from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Bad(CharTokenizer):
    def __init__(self):
        super().__init__()
        self.looks = 0

    @property
    def vocab_size(self):
        self.looks += 1
        return 2 + self.looks % 30


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="shrinks", summary="not well", factory=Bad)
