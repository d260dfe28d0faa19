"""An answer as it comes: pieces of JSON to the text that a person may see."""

from __future__ import annotations

from typing import Any

from microgpt_play_remote.redaction import Redactor
from microgpt_play_remote.refusals import (
    ServerError,
    as_object,
    error_in,
    excerpt,
    quoted,
    spoken,
)
from playground.api import Continuation, WriterError

LONGEST = 20_000
"""Characters of an answer; what follows is cut."""
_MOST_TOKENS = 10**9
_MOST_DOLLARS = 10_000
_LIMITS = ("length", "max_tokens", "model_length", "content_filter")
"""The reasons for an end that is none of the text."""


class Answer:
    """Gathers a text from the objects of a stream, or from the one object of a whole answer."""

    def __init__(self, prompt: str, place: str, redact: Redactor) -> None:
        """prompt: the beginning that the model may repeat, which is taken off; "" for none."""
        self.finished = False
        """True once the model has said why it ended."""
        self.cut = False
        """True if the text is longer than LONGEST."""
        self.heard = False
        """True once any part of an answer has come."""
        self._prompt = prompt
        self._place = place
        self._redact = redact
        self._safe = ""
        """The beginning of the text, in which no secret stands."""
        self._held = ""
        """The rest of the text, which may become a secret."""
        self._surrogate = ""
        """The first half of a character whose second half is still to come."""
        self._refusal = ""
        self._reason = ""
        self._usage: dict[str, Any] = {}
        self._model = ""

    def take(self, value: object) -> None:
        """Take one object of the answer. Raises WriterError for an error that it holds."""
        if (error := error_in(value)) is not None:
            raise spoken(error, self._place, self._redact)
        held = as_object(value)
        if usage := as_object(held.get("usage")):
            self._usage = usage
        if isinstance(held.get("model"), str):
            self._model = held["model"]
        choices = held.get("choices")
        if not isinstance(choices, list):
            return
        for choice in choices:
            if not isinstance(choice, dict):
                raise self._odd(choice)
            if choice.get("index") in (None, 0):
                self._take_choice(choice)

    def _take_choice(self, choice: dict[str, Any]) -> None:
        self.heard = True
        if (error := error_in({"error": choice.get("error")})) is not None:
            raise spoken(error, self._place, self._redact)
        said = choice.get("delta", choice.get("message"))
        if isinstance(said, dict):
            piece = said.get("content")
            if isinstance(said.get("refusal"), str):
                self._refusal += said["refusal"]
        else:
            piece = choice.get("text")
        self._add(self._text_of(piece))
        reason = choice.get("finish_reason")
        if reason == "error":
            raise spoken(ServerError(""), self._place, self._redact)
        if isinstance(reason, str) and reason:
            self.finished, self._reason = True, reason

    def _text_of(self, piece: object) -> str:
        if piece is None:
            return ""
        if isinstance(piece, str):
            return piece
        if isinstance(piece, list):
            texts = [part.get("text", "") for part in piece if isinstance(part, dict)]
            if len(texts) == len(piece) and all(isinstance(text, str) for text in texts):
                return "".join(texts)
        raise self._odd(piece)

    def _odd(self, value: object) -> WriterError:
        return WriterError(
            "The answer is no text",
            f"{self._place} sends a {type(value).__name__} where a text should stand. It may not "
            "be an OpenAI-compatible server, or the model may not write texts.",
        )

    def _add(self, piece: str) -> None:
        piece = self._surrogate + piece
        self._surrogate = ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            piece, self._surrogate = piece[:-1], piece[-1]
        if not piece.isascii():  # halves become whole characters, and lone halves question marks
            piece = piece.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        safe, self._held = self._redact.settled(self._held + piece)
        self._safe += safe
        self.cut = self.cut or len(self._safe) + len(self._held) > LONGEST + 2 * len(self._prompt)

    @property
    def text(self) -> str | None:
        """What is certain of the continuation so far; None while the answer may still be the
        prompt once more."""
        return without_prompt(self._safe, self._prompt, whole=False)

    @property
    def size(self) -> int:
        """Characters that have come."""
        return len(self._safe) + len(self._held)

    def whole(self, prices: tuple[float, float], limit: int) -> Continuation:
        """The continuation, once all has come. Raises WriterError if there is no text.

        prices: US dollars of a million tokens read and written, 0 for unknown ones. limit: the
        tokens that were asked for.
        """
        text = self._safe + self._redact(self._held)
        self._safe, self._held = text, ""
        text = without_prompt(text, self._prompt, whole=True) or ""
        if not text:
            raise self._empty(limit)
        cut = self.cut or len(text) > LONGEST
        read = _count(self._usage.get("prompt_tokens"))
        written = _count(self._usage.get("completion_tokens"))
        return Continuation(
            text[:LONGEST],
            ended=not cut and self._reason not in _LIMITS,
            tokens_read=read,
            tokens_written=written,
            dollars=_dollars(self._usage.get("cost"), read, written, prices),
            model=excerpt(self._model, self._redact),
        )

    def _empty(self, limit: int) -> WriterError:
        if self._refusal:
            return WriterError(
                "The model refuses",
                f"It does not continue this text.{quoted(self._refusal, self._redact)}",
            )
        if not self.heard:
            return WriterError(
                "The answer holds no text",
                f"{self._place} answers without choices, which every OpenAI-compatible server "
                "sends. Check the address, which mostly ends with /v1.",
            )
        why = "The model ended at once: another prompt may help."
        if self._safe:
            why = "The model only repeated the prompt."
        elif self._reason in ("length", "max_tokens"):
            why = (
                f"All of the {limit} tokens went into thought that is not shown: raise max_tokens, "
                "lower reasoning, or choose a model that does not reason."
            )
        elif self._reason == "content_filter":
            why = "The server's filter holds the text back."
        return WriterError("The answer is empty", f"{self._place} sends no text. {why}")


def without_prompt(text: str, prompt: str, *, whole: bool) -> str | None:
    """The text without the prompt at its beginning, where white space around the prompt need not
    be the same; None while that cannot be told. Nothing else of the text changes.

    whole: True if no more of the text is to come.
    """
    beginning = prompt.lstrip()
    if not beginning:
        return text
    said = text.lstrip()
    if said.startswith(beginning):
        return said[len(beginning) :]
    if beginning.startswith(said) and not whole:
        return None
    if said.startswith(beginning.rstrip()):
        return said[len(beginning.rstrip()) :]
    return text


def _count(value: object) -> int | None:
    """A number of tokens; None for what cannot be one."""
    if type(value) is int and 0 <= value <= _MOST_TOKENS:
        return value
    return None


def _dollars(
    cost: object, read: int | None, written: int | None, prices: tuple[float, float]
) -> float | None:
    """What the server says that it costs, or else what the prices say; None if neither does."""
    if type(cost) in (int, float) and 0 <= cost <= _MOST_DOLLARS:  # type: ignore[operator]
        return float(cost)  # type: ignore[arg-type]
    if read is None or written is None or not all(prices):
        return None
    return (read * prices[0] + written * prices[1]) / 1_000_000
