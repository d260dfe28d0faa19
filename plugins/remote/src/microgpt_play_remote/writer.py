"""A writer that asks a model behind an OpenAI-compatible address."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from microgpt_play_remote.addresses import Address, Proxy, proxy_for
from microgpt_play_remote.answers import LONGEST, Answer
from microgpt_play_remote.events import DONE, GarbageError, lines, parsed, values
from microgpt_play_remote.keys import Source, read_key, source_in_words
from microgpt_play_remote.redaction import Redactor, Secret
from microgpt_play_remote.refusals import ServerError, error_in, quoted, refused
from playground.api import Continuation, Outlet, WriterError

if TYPE_CHECKING:
    from microgpt_play_remote.exchange import Exchange, Reply
    from microgpt_play_remote.knobs import ModelsLabKnobs, OpenAIKnobs

INSTRUCTION = (
    "Continue the text that the user sends. Answer with the continuation alone: do not repeat the "
    "text, explain nothing, add no quotation marks."
)
BEGIN = "(The text is still empty: write its beginning.)"
"""Sent instead of a prompt without letters, which many servers refuse."""
MODELSLAB = "https://modelslab.com/api/v7/llm"
_ERROR_BYTES = 64_000
"""Of the body of an error that are read."""
_NOT_TAKEN = re.compile(
    r"unsupported|not support|n't support|extra|unknown|unrecogni|unexpected|not permitted|"
    r"not allowed|additional propert|forbidden|invalid (?:param|arg|field)",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Order:
    """All that a writer is told by its knobs."""

    address: Address
    model: str
    key_from: Source
    key_name: str
    chat: bool
    max_tokens: int
    temperature: float
    """1 is not sent."""
    reasoning: str
    """The effort of thought that is asked for; "" for none said."""
    patience: float
    """Seconds."""
    prices: tuple[float, float]
    """US dollars of a million tokens read and written; 0 if it is not known."""
    usage: bool
    """True if the server is asked for the tokens of a stream."""


class Remote:
    """Asks one address, and reads the answer as it comes."""

    def __init__(self, order: Order) -> None:
        import microgpt_play_remote.exchange  # noqa: F401 - httpx, before the time of an answer

        self.order = order

    def outlet(self) -> Outlet:
        """See playground.api.Writer."""
        order = self.order
        proxy = proxy_for(order.address)
        limits = f"that at most {order.max_tokens} tokens are wanted"
        if order.temperature != 1:
            limits += f", at temperature {order.temperature:g}"
        if order.reasoning:
            limits += f", with the reasoning effort {order.reasoning!r}"
        sends = (
            f'the prompt, or for an empty one "{BEGIN}"' if order.chat else "the prompt",
            f"the name of the model, {order.model}",
            *((f'the instruction "{INSTRUCTION}"',) if order.chat else ()),
            limits,
            "the wish for the text piece by piece" + (", with a count of tokens" * order.usage),
            *(
                (f"all of this through the proxy {proxy.place} of the environment",)
                if proxy
                else ()
            ),
        )
        where = source_in_words(order.key_from, order.key_name)
        key = f"{where}, sent in the header Authorization" if where else ""
        return Outlet(order.address.text, sends, key)

    def write(self, prompt: str, tell: Callable[[str], None]) -> Continuation:
        """See playground.api.Writer."""
        order = self.order
        if order.key_from != "none" and order.address.scheme == "http" and not order.address.here:
            raise WriterError(
                "The key would travel openly",
                f"{order.address.place} is asked over http://, so everyone on the way could read "
                "the key. Use https://, or set key_from to none. Only an address of this machine "
                "is sent a key over http://.",
            )
        key = read_key(order.key_from, order.key_name)
        proxy = proxy_for(order.address)
        redact = _redactor(key, proxy)
        from microgpt_play_remote.exchange import Exchange

        with Exchange(order.address, proxy, key, redact, order.patience) as exchange:
            reply = self._asked(exchange, prompt, redact)
            with closing(reply):
                answer = Answer(prompt if order.chat else "", exchange.place, redact)
                told = ""
                for value in _values(reply, exchange.place, redact, answer):
                    answer.take(value)
                    text = (answer.text or "")[:LONGEST]
                    if len(text) > len(told):
                        told = text
                        tell(told)
                    if answer.finished:
                        exchange.wind_up()
                    if answer.cut or len(told) == LONGEST:
                        answer.cut = True
                        break
        result = answer.whole(order.prices, order.max_tokens)
        if result.text != told:
            tell(result.text)
        return result

    def _asked(self, exchange: Exchange, prompt: str, redact: Redactor) -> Reply:
        """The answer to the prompt. What a server does not take is left out, each part once."""
        body = self._body(prompt)
        while True:
            reply = exchange.ask(json.dumps(body).encode("ascii"))
            if 200 <= reply.status < 300:
                return reply
            with closing(reply):
                error = _error_of(reply)
            changed = _adjusted(body, error) if reply.status in (400, 422) and error else None
            if changed is None:
                raise refused(reply.status, reply.headers, error, exchange.place, redact)
            body = changed

    def _body(self, prompt: str) -> dict[str, Any]:
        order = self.order
        body: dict[str, Any] = {"model": order.model}
        if order.chat:
            body["messages"] = [
                {"role": "system", "content": INSTRUCTION},
                {"role": "user", "content": prompt if prompt.strip() else BEGIN},
            ]
        else:
            body["prompt"] = prompt
        body["max_tokens"] = order.max_tokens
        if order.temperature != 1:
            body["temperature"] = order.temperature
        if order.reasoning:
            body["reasoning_effort"] = order.reasoning
        body["stream"] = True
        if order.usage:
            body["stream_options"] = {"include_usage": True}
        return body


def openai(knobs: OpenAIKnobs) -> Remote:
    """The writer for an address of the person's choice."""
    chat = knobs.way == "chat"
    ending = "/chat/completions" if chat else "/completions"
    return Remote(
        Order(
            address=Address(knobs.address + ending),
            model=knobs.model,
            key_from=knobs.key_from,
            key_name=knobs.key_name,
            chat=chat,
            max_tokens=knobs.max_tokens,
            temperature=knobs.temperature,
            reasoning="" if not chat or knobs.reasoning == "unsaid" else knobs.reasoning,
            patience=knobs.patience,
            prices=(knobs.price_read, knobs.price_written),
            usage=True,
        )
    )


def modelslab(knobs: ModelsLabKnobs, address: str = MODELSLAB) -> Remote:
    """The writer for ModelsLab, which is sent what its documentation lists and no more."""
    return Remote(
        Order(
            address=Address(f"{address}/chat/completions"),
            model=knobs.model,
            key_from=knobs.key_from,
            key_name=knobs.key_name,
            chat=True,
            max_tokens=knobs.max_tokens,
            temperature=knobs.temperature,
            reasoning="",
            patience=knobs.patience,
            prices=(knobs.price_read, knobs.price_written),
            usage=False,
        )
    )


def _redactor(key: Secret | None, proxy: Proxy | None) -> Redactor:
    secrets = [key.reveal()] if key else []
    return Redactor((*secrets, proxy.password) if proxy else secrets)


def _adjusted(body: Mapping[str, Any], error: ServerError) -> dict[str, Any] | None:
    """The body without the parts that an error names as not known to the server; None if it names
    none of those that can be left out. A part that was left out cannot be named again, so this
    ends."""
    not_taken = _NOT_TAKEN.search(f"{error.code} {error.message}") is not None

    def named(part: str) -> bool:
        there = error.field == part or re.search(rf"\b{part}\b", error.message) is not None
        return part in body and there

    changed = dict(body)
    if named("stream_options"):
        del changed["stream_options"]
    if not_taken and named("max_tokens"):
        changed["max_completion_tokens"] = changed.pop("max_tokens")
    for part in ("temperature", "reasoning_effort"):
        if not_taken and named(part):
            del changed[part]
    return None if changed == body else changed


def _error_of(reply: Reply) -> ServerError | None:
    """The error in a body; also its plain text, if that is no page. None if it says nothing."""
    data = b""
    try:
        for chunk in reply.chunks():
            data += chunk
            if len(data) >= _ERROR_BYTES:
                break
    except WriterError:
        pass  # the status is known, and says more than a body that broke off
    text = data[:_ERROR_BYTES].decode("utf-8", "replace").strip()
    try:
        return error_in(parsed(text)) or (ServerError(text) if text != "{}" else None)
    except GarbageError:
        return None if not text or text.startswith("<") else ServerError(text)


def _values(reply: Reply, place: str, redact: Redactor, answer: Answer) -> Iterator[object]:
    """The objects of an answer, whether it is a stream of events or one piece of JSON.

    Raises WriterError, unless the text was at its end already.
    """
    garbage = ""
    try:
        yield from _sorted_out(reply, place, answer)
    except GarbageError as error:
        garbage = error.text
    except WriterError:
        if not answer.finished:
            raise
    if answer.finished or not garbage:
        return
    if reply.full and answer.size:  # the last line alone is broken
        answer.cut = True
    elif reply.full:
        raise _endless(place, reply.bytes)
    else:
        raise WriterError(
            "The answer cannot be read",
            f"{place} sends something that is no JSON, or JSON that breaks off. Check the address, "
            f"which mostly ends with /v1.{quoted(garbage, redact)}",
        )


def _sorted_out(reply: Reply, place: str, answer: Answer) -> Iterator[object]:
    chunks = reply.chunks()
    head = b""
    for chunk in chunks:
        head += chunk
        if head.removeprefix(b"\xef\xbb\xbf").strip():
            break
    first = head.removeprefix(b"\xef\xbb\xbf").strip()[:1]
    if not first:
        raise WriterError(
            "The answer is empty",
            f"{place} answers {reply.status} without a word. Check the address, which mostly ends "
            "with /v1.",
        )
    if first == b"<":
        raise WriterError(
            "That is a web page",
            f"{place} answers with a page for people. The address of its interface mostly ends "
            "with /v1; or the network wants you to sign in first.",
        )
    if first in b"{[":  # the server ignores that a stream was wanted
        text = b"".join(chain((head,), chunks)).decode("utf-8-sig", "replace")
        if reply.full:
            raise _endless(place, reply.bytes)
        yield parsed(text)
        return
    for value in values(lines(chain((head,), chunks))):
        if value == DONE:
            answer.finished = True
            return
        yield value
    if reply.full and not answer.size:
        raise _endless(place, reply.bytes)
    if reply.full:
        answer.cut = True
    elif not answer.heard:
        return  # Answer.whole says that there were no choices
    elif not answer.finished:
        from microgpt_play_remote.exchange import broken_off

        raise broken_off(place, f"after {answer.size:,} characters")


def _endless(place: str, size: int) -> WriterError:
    return WriterError(
        "The answer has no end",
        f"{place} sent {size:,} bytes, more than any answer has, and was left. Check the address.",
    )
