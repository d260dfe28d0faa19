"""What a server refuses, in words: its status, and the errors that it writes in its answers."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from microgpt_play_remote.redaction import Redactor
from playground.api import WriterError

SHOWN = 200
"""Characters of a server's own words that are shown."""
_LONGEST_WAIT = 366 * 24 * 3600
_FIELD = ("error", "message", "messege", "detail", "msg")
"""Where errors keep their words, the likeliest first; "messege" is ModelsLab's."""
_SPENT = re.compile(
    r"insufficient_(?:quota|credit|funds|balance)|exceeded your current quota|\bbilling|"
    r"\bcredits?\b|\bbalance\b|\bfunds\b|\bpayment|subscription|\bwallet\b",
    re.IGNORECASE,
)
_NO_KEY = re.compile(
    r"api[ _-]?key|unauthori[sz]ed|authenti|invalid[ _]key|access token", re.IGNORECASE
)
_TOO_MANY = re.compile(r"rate.?limit|too many requests|request limit|throttl", re.IGNORECASE)
_NO_MODEL = re.compile(
    r"model\b.{0,100}?\b(?:not found|does ?n[o']t exist|not exist|unknown|invalid)", re.I
)


@dataclass(frozen=True, slots=True)
class ServerError:
    """An error as a server wrote it; nothing of it is to be trusted."""

    message: str
    code: str = ""
    """Its codes and types, joined by spaces."""
    field: str = ""
    """The part of what was sent that is refused; "" if it is not named."""


def error_in(answer: object) -> ServerError | None:
    """The error that a JSON answer holds; None if it holds none.

    Known are {"error": {...}} of OpenAI, {"error": "..."} of Ollama, {"object": "error", ...} of
    vLLM, {"detail": ...} of FastAPI and {"status": "error", "message": ...} of ModelsLab.
    """
    if isinstance(answer, list) and len(answer) == 1:  # as Google writes it
        answer = answer[0]
    if not isinstance(answer, dict):
        return None
    inner = answer.get("error")  # OpenRouter sends it together with choices
    if inner:
        held = inner if isinstance(inner, dict) else {}
        codes = (held.get("code"), held.get("type"))
        words = _words(inner) or _words(answer)
        return ServerError(words, _joined(codes), str(held.get("param") or ""))
    if answer.get("choices"):
        return None
    said = str(answer.get("status", "")).lower() in ("error", "failed")
    if said or answer.get("object") == "error" or "detail" in answer:
        return ServerError(_words(answer), _joined((answer.get("code"), answer.get("type"))))
    return None


def _joined(values: tuple[object, ...]) -> str:
    return " ".join(str(value) for value in values if isinstance(value, (str, int)))


def _words(value: object, depth: int = 4) -> str:
    """The words in an error, which may be a text, a list of errors or an object that names some."""
    if isinstance(value, str):
        return value
    if depth and isinstance(value, list):
        return "; ".join(filter(None, (_words(item, depth - 1) for item in value[:8])))
    if depth and isinstance(value, dict):
        named = next((value[name] for name in _FIELD if value.get(name)), None)
        words = _words(named, depth - 1) if named is not None else ""
        place = value.get("loc")  # of FastAPI: ["body", "stream_options"]
        if isinstance(place, list):
            words = f"{'.'.join(map(str, place[:8]))}: {words}"
        if named is None:
            words = "; ".join(
                filter(None, (_words(v, depth - 1) for v in list(value.values())[:8]))
            )
        return words
    return ""


def excerpt(text: str, redact: Redactor, limit: int = SHOWN) -> str:
    """The beginning of a server's words on one line, without secrets and control characters."""
    head = redact(text[: 20 * limit])
    clean = " ".join("".join(c if c.isprintable() else " " for c in head).split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def quoted(text: str, redact: Redactor) -> str:
    """A sentence with a server's own words; "" if it wrote none."""
    words = excerpt(text, redact).rstrip(".")
    return f' The server says: "{words}".' if words else ""


def spoken(error: ServerError, place: str, redact: Redactor, status: int = 200) -> WriterError:
    """An error that a server wrote, as a person reads it."""
    words, said = f"{error.code} {error.message}", quoted(error.message, redact)
    if _SPENT.search(words):
        return WriterError(
            "There is no credit left",
            f"{place} answers {status}: the account behind the key has nothing left to pay with, "
            f"or has reached its limit. Look at the account's billing.{said}",
        )
    if _TOO_MANY.search(words):
        return WriterError(
            "Too many requests",
            f"{place} answers {status}: the account is asked too often. Wait a minute.{said}",
        )
    if _NO_KEY.search(words):
        return _no_key(place, status, said)
    if _NO_MODEL.search(words):
        return _nothing_there(place, status, said)
    return WriterError(
        "The server refuses",
        f"{place} answers {status} with an error.{said or ' It gives no reason.'}",
    )


def _no_key(place: str, status: int, said: str) -> WriterError:
    return WriterError(
        "The key is refused",
        f"{place} answers {status}: it does not take this key, or wants one. Check that the key is "
        f"one of this server and still valid.{said}",
    )


def _nothing_there(place: str, status: int, said: str) -> WriterError:
    return WriterError(
        "The address or the model is wrong",
        f"{place} answers {status}: either there is nothing at this address, which mostly ends "
        f"with /v1, or the server has no model of this name.{said}",
    )


def refused(
    status: int,
    headers: Mapping[str, str],
    error: ServerError | None,
    place: str,
    redact: Redactor,
) -> WriterError:
    """Why there is no answer, for a status beyond 2xx.

    headers: with names in lower case. error: what the body says; None if it holds no JSON error.
    """
    said = quoted(error.message, redact) if error else ""
    words = f"{error.code} {error.message}" if error else ""
    if 300 <= status < 400:
        return _redirected(status, headers, place, redact)
    if status == 402 or (status in (403, 429) and _SPENT.search(words)):
        return spoken(
            ServerError(error.message if error else "", "insufficient_quota"), place, redact, status
        )
    if status == 401:
        return _no_key(place, status, said)
    if status == 403:
        return WriterError(
            "The server does not allow it",
            f"{place} answers 403: the key may be without the right to use this model, or the "
            f"server refuses this text or this country.{said}",
        )
    if status in (404, 405, 410):
        return _nothing_there(place, status, said)
    if status == 429:
        return WriterError(
            "Too many requests",
            f"{place} answers 429: the account is asked too often. "
            f"{_wait(headers.get('retry-after', ''))}{said}",
        )
    if status in (408, 504):
        return WriterError(
            "The server took too long",
            f"{place} answers {status}: what it waited for itself did not come. Try again.{said}",
        )
    if status == 413:
        return WriterError(
            "The prompt is too long", f"{place} answers 413. Shorten the prompt.{said}"
        )
    if status >= 500:
        return WriterError(
            "The server has failed",
            f"{place} answers {status}: the fault is the server's. "
            f"{_wait(headers.get('retry-after', ''))}{said}",
        )
    if error:
        return spoken(error, place, redact, status)
    return WriterError(
        "The server refuses",
        f"{place} answers {status} and gives no reason. Check the address and the model.",
    )


def _redirected(
    status: int, headers: Mapping[str, str], place: str, redact: Redactor
) -> WriterError:
    try:
        target = urlsplit(headers.get("location", "")).hostname or ""
    except ValueError:
        target = ""
    where = f"to {excerpt(target, redact, 100)}" if target else "to another path"
    return WriterError(
        "The address leads elsewhere",
        f"{place} answers {status}, a redirection {where}. It is not followed, since the prompt "
        "and the key are for the address that you chose. If that host is right, name it as the "
        "address.",
    )


def _wait(after: str) -> str:
    """What a Retry-After header advises: seconds or a date."""
    after = after.strip()
    seconds: float | None = None
    if re.fullmatch(r"[0-9]{1,9}", after):
        seconds = float(after)
    elif after:
        try:
            seconds = parsedate_to_datetime(after).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError, OSError):
            seconds = None
    if seconds is None or not 0 <= seconds <= _LONGEST_WAIT:
        return "Try again in a minute."
    if seconds < 120:
        return f"Try again in {round(seconds)} seconds."
    if seconds < 7200:
        return f"Try again in {round(seconds / 60)} minutes."
    return f"Try again in {round(seconds / 3600)} hours."


def as_object(answer: Any) -> dict[str, Any]:
    """The JSON object, or an empty one for any other JSON."""
    return answer if isinstance(answer, dict) else {}
