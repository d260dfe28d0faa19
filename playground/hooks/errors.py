"""Errors of plugins, in words that a person can act on.

They stand apart from the manager because the lab, the command line and the screen catch these
errors without loading pluggy or pydantic.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal

from playground.catalog import Entry, Kind
from playground.hooks import plain, streams
from playground.hooks.forks import leave_if_forked
from playground.hooks.isolation import Interrupted, by_keyboard

KIND_WORDS: dict[Kind, str] = {
    "dataset": "data set",
    "tokenizer": "tokenizer",
    "strategy": "sampling strategy",
    "engine": "engine",
    "schedule": "learning-rate schedule",
    "metric": "metric",
    "panel": "panel",
    "exporter": "exporter",
    "lesson": "lesson",
    "writer": "writer",
}
"""The kinds as a person reads them."""

MAX_EXCERPT = 60
MAX_MESSAGE = 500
MAX_TRACEBACK = 20_000


class PluginError(Exception):
    """Plugin code raised, or gave something that its contract rules out."""

    def __init__(
        self, plugin: str, place: str, cause: BaseException | str, detail: str = ""
    ) -> None:
        """plugin: its name; place: what was being done ("making sampling strategy 'cold'")."""
        self.plugin = plugin
        self.place = place
        self.reason = cause if type(cause) is str else describe(cause)  # type: ignore[arg-type]
        """One line: the type and the message of what was raised, or what was wrong."""
        self.detail = detail or ("" if type(cause) is str else traceback_text(cause))  # type: ignore[arg-type]
        """The plugin's part of the traceback."""
        self.contribution = ""
        """The contribution that failed, as in "strategy:hot:hot"; "" if it is not known."""
        super().__init__(f"plugin {plugin!r} failed {place}: {self.reason}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Plain text only, so that it travels between processes whatever the cause was."""
        return PluginError, (self.plugin, self.place, self.reason, self.detail)


class KnobError(ValueError):
    """An option that a contribution does not take."""

    def __init__(self, owner: str, field: str, message: str, allowed: str = "") -> None:
        """owner: the contribution; field: the knob, "" if the knobs together are at fault;
        allowed: the range or the choices in words."""
        super().__init__(f"{owner}: {field} {message}" if field else f"{owner}: {message}")
        self.owner = owner
        self.field = field
        self.message = message
        self.allowed = allowed

    def __reduce__(self) -> tuple[Any, ...]:
        return KnobError, (self.owner, self.field, self.message, self.allowed)


class UnknownNameError(LookupError):
    """A name that means no contribution, or more than one."""

    def __init__(self, kind: Kind, name: str, message: str, known: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.name = name
        self.message = message
        self.known = tuple(known)
        """The names that exist."""

    @property
    def title(self) -> str:
        """What happened, in a few words."""
        return f"There is no such {KIND_WORDS[self.kind]}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, self.name, self.message, self.known)


class MissingError(UnknownNameError):
    """A known contribution that cannot be used here until something is installed."""

    @property
    def title(self) -> str:
        return f"The {KIND_WORDS[self.kind]} {self.name!r} cannot be used here"


class UnableError(UnknownNameError):
    """A known engine that does not know what the model leaves out, or its optimizer."""

    @property
    def title(self) -> str:
        return f"The engine {self.name!r} cannot train this model"


class plugin_call:
    """Guard around one call into plugin code.

        with plugin_call(entry, "encoding", text):
            ids = tokenizer.encode(text)

    An exception of any type becomes a PluginError that names the plugin, the place and the
    beginning of what the plugin was given. Errors of the contract (DatasetError, UnknownTextError,
    a PluginError from further down) and the types in `passing` pass, made anew if a plugin's own
    subclass was raised. Unchanged passes the interrupt of the keyboard.

    The guard is a class and no generator, because a generator is too slow around every token.
    """

    __slots__ = ("given", "owner", "passing", "place")

    def __init__(
        self,
        owner: Entry | str,
        place: str,
        given: object = None,
        passing: tuple[type[BaseException], ...] = (),
    ) -> None:
        self.owner = owner
        self.place = place
        self.given = given
        self.passing = passing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        leave_if_forked()
        streams.put_back()
        if error is None or kind is None or by_keyboard(kind):
            return False
        allowed = self._allowed(kind, error)
        if allowed is error:
            return False
        if allowed is not None:
            raise allowed from None
        place = self.place
        if isinstance(self.owner, Entry):
            plugin = self.owner.plugin
            place += f" ({KIND_WORDS[self.owner.kind]} {self.owner.name!r})"
        else:
            plugin = self.owner
        if self.given is not None:
            place += f" given {excerpt(self.given)}"
        failure = PluginError(plugin, place, error)
        if isinstance(self.owner, Entry):
            failure.contribution = f"{self.owner.kind}:{self.owner.qualified}"
        raise failure from error

    def _allowed(self, kind: type[BaseException], error: BaseException) -> BaseException | None:
        """The error itself, or a plain copy of the error, if it may pass; None if it may not."""
        from playground.api import DatasetError, ExportError, UnknownTextError, WriterError

        try:
            if issubclass(kind, PluginError):
                return error if _is_plain(error, "plugin", "place", "reason", "detail") else None
            for known in (DatasetError, ExportError, WriterError):
                if issubclass(kind, known) and known in (DatasetError, *self.passing):
                    if kind is known and _is_plain(error, "title", "message"):
                        return error
                    return known(plain.shown(error.title), plain.shown(error.message))  # type: ignore[attr-defined]
            if issubclass(kind, UnknownTextError):
                if kind is UnknownTextError and _is_plain(error, "text", "character"):
                    return error
                return UnknownTextError(plain.text(error.text), int(error.position))  # type: ignore[attr-defined]
            if not issubclass(kind, self.passing):
                return None
            if issubclass(kind, OSError):
                return _plain_os_error(error)  # type: ignore[arg-type]
        except Interrupted:
            raise
        except BaseException:  # an attribute of the error raises
            return None
        return error if kind in self.passing else None


def _is_plain(error: BaseException, *names: str) -> bool:
    """True if these attributes are texts that an instance of an exact class holds."""
    held = vars(error)
    return all(type(held.get(name)) is str for name in names)


def _plain_os_error(error: OSError) -> OSError:
    number, words, file = error.errno, error.strerror, error.filename
    if not isinstance(number, int):
        return OSError(plain.shown(error))
    name = None if file is None else plain.shown(file)
    return OSError(int(number), one_line(plain.shown(words)), name)


# ---------------------------------------------------------------- saying it


def describe(error: BaseException) -> str:
    """One line: the type of an exception and its message, even if the exception's own methods
    fail."""
    name = plain.type_name(error)
    if plain.is_a(error, SyntaxError):
        try:
            return one_line(_describe_syntax(error))  # type: ignore[arg-type]
        except Interrupted:
            raise
        except BaseException:
            return one_line(name)
    message = _message(error)
    if plain.is_a(error, SystemExit):
        return one_line(f"it tried to end the program ({message or 'SystemExit'})")
    return one_line(f"{name}: {message}" if message else name)


def _describe_syntax(error: SyntaxError) -> str:
    where = f"{error.filename}, line {error.lineno}" if error.lineno else str(error.filename)
    text = plain.text(error.text or "").strip()
    shown = f": {text!r}" if text else ""
    return f"{plain.type_name(error)} in {where}{shown}: {error.msg}"


def _message(error: BaseException) -> str:
    try:
        return plain.shown(error)
    except Interrupted:
        raise
    except BaseException as broken:
        return f"(its message cannot be shown: __str__ raised {plain.type_name(broken)})"


def one_line(text: str, limit: int = MAX_MESSAGE) -> str:
    """Printable text on one line: control characters and line ends become spaces."""
    clean = "".join(ch if ch.isprintable() else " " for ch in plain.text(text)[: 4 * limit])
    clean = " ".join(clean.split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def excerpt(value: object) -> str:
    """The beginning of a value, for a message."""
    try:
        if plain.is_a(value, str):
            text = plain.text(value)
            return repr(text if len(text) <= MAX_EXCERPT else text[:MAX_EXCERPT] + "…")
        if type(value) in (list, tuple) and len(value) > 8:  # type: ignore[arg-type]
            head = ", ".join(plain.text(repr(item)) for item in value[:8])  # type: ignore[index]
            return one_line(f"[{head}, … {len(value)} in all]", 2 * MAX_EXCERPT)  # type: ignore[arg-type]
        return one_line(repr(value), 2 * MAX_EXCERPT)
    except Interrupted:
        raise
    except BaseException:
        return f"a {plain.type_name(value)}"


_trace_of = BaseException.__dict__["__traceback__"].__get__


def traceback_text(error: BaseException) -> str:
    """The traceback from where the plugin's own code begins."""
    try:
        trace: TracebackType | None = _trace_of(error)
        while trace is not None and _is_ours(trace):
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace))
        if len(text) > MAX_TRACEBACK:  # both ends stay: where it began, and what was raised
            half = MAX_TRACEBACK // 2
            text = f"{text[:half]}\n[...]\n{text[-half:]}"
        return "".join(
            ch if ch.isprintable() or ch in "\n\t" else "\N{REPLACEMENT CHARACTER}" for ch in text
        )
    except Interrupted:
        raise
    except BaseException:
        return describe(error)


def _is_ours(trace: TracebackType) -> bool:
    filename = trace.tb_frame.f_code.co_filename
    module = trace.tb_frame.f_globals.get("__name__", "")
    return filename.startswith("<frozen importlib") or (
        isinstance(module, str)
        and module.startswith("playground.")
        and not module.startswith("playground.hooks.builtins")
    )
