"""Plugins whose values and exceptions are hostile, as a table: what each does, and what is said.

Every entry is a whole plugin, written to a file of its own by `write`. `EVIL` is the beginning of
each: subclasses of the built-in types, and exceptions, whose every method ends the program with
exit code 0.
"""

# ruff: noqa: E501 - a table

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

EVIL = '''\
"""A hostile plugin, of tests/hostile/kinds.py."""
import asyncio, atexit, ctypes, os, signal, sys, threading, time
from microgpt.tokenizer import CharTokenizer, UnknownTextError
from microgpt.vector_engine import VectorEngine
from playground.api import (
    Choose, Continuation, Contribution, DatasetError, Do, ExportError, Knob, Knobs, Lesson, Number,
    Outlet, Provenance, Tell, WriterError, hookimpl,
)

def die(*args, **named):
    raise SystemExit(0)

NAMES = (
    "__str__ __repr__ __eq__ __ne__ __lt__ __hash__ __len__ __iter__ __getitem__ __format__ "
    "__add__ __bool__ __contains__ __index__ __int__ __float__ __reduce_ex__ __reduce__ __class__ "
    "__getattribute__"
).split()

def evil(base, *but):
    body = {name: die for name in NAMES if name not in but and name != "__class__"}
    body["__class__"] = property(die)
    return type("Evil", (base,), body)

T, I, F, L, D = map(evil, (str, int, float, list, dict))
E, B = evil(Exception), evil(BaseException)

class Meta(type):
    __name__ = property(die)
    __instancecheck__ = __subclasscheck__ = __call__ = die

class Named(Exception, metaclass=Meta):
    pass

class Liar(Exception):
    __class__ = property(lambda self: KeyboardInterrupt)
'''

HOOKS = {
    "strategy": "microgpt_sampling_strategies",
    "tokenizer": "microgpt_tokenizers",
    "dataset": "microgpt_datasets",
    "schedule": "microgpt_schedules",
    "metric": "microgpt_metrics",
    "panel": "microgpt_panels",
    "engine": "microgpt_engines",
    "exporter": "microgpt_exporters",
    "lesson": "microgpt_lessons",
    "writer": "microgpt_writers",
}

_CLASSES = {
    "strategy": "class Bad:\n    def transform(self, logits, context):\n{body}",
    "pick": "class Bad:\n    def pick(self, probs, context):\n{body}",
    "tokenizer": "class Bad(CharTokenizer):\n{body}",
    "dataset": (
        "class Bad:\n    provenance = Provenance('here', 'mine')\n"
        "    def prepare(self, cache, progress): pass\n"
        "    def count(self): return 4\n"
        "    def documents(self): return iter(['anna', 'bob', 'cleo', 'fred'])\n{body}"
    ),
    "schedule": "class Bad:\n    def factor(self, step, steps):\n{body}",
    "metric": "class Bad:\n    def of_step(self, facts):\n{body}",
    "panel": "class Bad:\n    def render(self, facts, width, height):\n{body}",
    "engine": "class Bad(VectorEngine):\n    train = None\n{body}",
    "exporter": "class Bad:\n    def export(self, run, path, progress):\n{body}",
    "lesson": "def Bad():\n    def text(facts):\n{body}\n    return Lesson('x', [Tell(text), Tell('y')])",
    "writer": (
        "class Bad:\n    def outlet(self): return None\n"
        "    def write(self, prompt, tell): return Continuation(prompt)\n{body}"
    ),
}


@dataclass(frozen=True)
class Kind:
    """One hostile plugin."""

    kind: str
    """What the plugin contributes."""
    body: str
    """The method that misbehaves, or the whole plugin where that begins with "@"."""
    said: str = ""
    """What a person is told, parted by |; "" if the run goes on as if nothing were wrong."""

    @property
    def contributes(self) -> str:
        return "strategy" if self.kind == "pick" else self.kind


def source(name: str, kind: Kind) -> str:
    """The text of the plugin's file."""
    if kind.body.startswith("@"):
        return EVIL + kind.body[1:]
    whole = kind.kind in ("tokenizer", "dataset", "engine", "writer")
    body = indent(kind.body, "    " if whole else "        ")
    hook = HOOKS[kind.contributes]
    return (
        f"{EVIL}\n{_CLASSES[kind.kind].format(body=body)}\n\n@hookimpl\ndef {hook}():\n"
        f"    yield Contribution(name={name!r}, summary='not well', factory=Bad)\n"
    )


def write(folder: Path, names: dict[str, Kind]) -> None:
    """Write these plugins to files in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in names.items():
        path = folder / f"{name.replace('-', '_')}.py"
        path.write_text(source(name, kind), encoding="utf-8")


ENDS = "tried to end the program"
UNSHOWN = "its message cannot be shown: __str__ raised SystemExit"


def _named(call: str, hook: str) -> str:
    return f"@\n@hookimpl\ndef {hook}():\n    yield {call}\n"


GOOD = "class Good:\n    def transform(self, logits, context): return list(logits)\n"

VALUES: dict[str, Kind] = {
    # ------------------------------------------------ strategies: what a transform gives
    "text-logits": Kind("strategy", "return [T('1')] * len(logits)", "not a number"),
    "int-logits": Kind("strategy", "return [I(1)] * len(logits)", ENDS),
    "float-logits": Kind("strategy", "return [F(0.5)] * len(logits)", ENDS),
    "list-logits": Kind("strategy", "return L(logits)", ENDS),
    "dict-logits": Kind("strategy", "return D(a=1)", ENDS),
    "huge-logits": Kind("strategy", "return [10**400] * len(logits)", "OverflowError"),
    "complex-logits": Kind("strategy", "return [1j] * len(logits)", "TypeError"),
    "lazy-exit": Kind("strategy", "return (die() for _ in logits)", ENDS),
    "text-pick": Kind("pick", "return T('1')", "TypeError|end the program"),
    "int-pick": Kind("pick", "return I(0)"),
    "bool-pick": Kind("pick", "return True", "a token id is expected"),
    "huge-pick": Kind("pick", "return 10**400", "token"),
    # ------------------------------------------------ strategies: what a transform raises
    "evil-error": Kind("strategy", "raise E('x')", UNSHOWN),
    "evil-base": Kind("strategy", "raise B('x')", UNSHOWN),
    "evil-meta": Kind("strategy", "raise type.__call__(Named, 'x')", "Named|end the program"),
    "liar-error": Kind("strategy", "raise Liar('x')", "Liar: x"),
    "own-base": Kind("strategy", "raise type('Own', (BaseException,), {})('x')", "Own: x"),
    "generator-exit": Kind("strategy", "raise GeneratorExit('x')", "GeneratorExit: x"),
    "keyboard": Kind("strategy", "raise KeyboardInterrupt('x')", "KeyboardInterrupt: x"),
    "keyboard-child": Kind(
        "strategy", "raise type('Kid', (KeyboardInterrupt,), {})('x')", "Kid: x"
    ),
    "cancelled": Kind("strategy", "raise asyncio.CancelledError('x')", "CancelledError: x"),
    "stop-iteration": Kind("strategy", "raise StopIteration('x')", "StopIteration: x"),
    "exit-child": Kind("strategy", "raise type('Kid', (SystemExit,), {})('x')", ENDS),
    "exit-none": Kind("strategy", "sys.exit()", ENDS),
    "system-exit": Kind("strategy", "raise SystemExit(E('x'))", ENDS),
    "recursive": Kind("strategy", "return self.transform(logits, context)", "RecursionError"),
    "memory": Kind("strategy", "raise MemoryError('x')", "MemoryError"),
    "syntax": Kind("strategy", "raise SyntaxError(E('x'), (E('a'), 1, 2, 3))", "SyntaxError"),
    "cause-loop": Kind(
        "strategy", "a = ValueError('x'); a.__cause__ = a; a.__context__ = E('y'); raise a",
        "ValueError: x",
    ),
    "group": Kind(
        "strategy", "raise BaseExceptionGroup('x', [E('a'), GeneratorExit()])", "x (2 sub"
    ),
    "evil-notes": Kind("strategy", "a = ValueError('x'); a.__notes__ = L([T('n')]); raise a", "x"),
    "forged": Kind(
        "strategy",
        "from playground.hooks.errors import PluginError\n"
        "a = PluginError('p', 'q', 'forged'); a.reason = T('r'); raise a",
        "forged|PluginError",
    ),
    "no-stdout": Kind("strategy", "sys.stdout = sys.stderr = None; return list(logits)"),
    "hides-modules": Kind("strategy", "sys.modules['json'] = None; return list(logits)"),
    "evil-attribute": Kind(
        "strategy",
        "@class Bad:\n    count = 0\n    @property\n    def transform(self):\n"
        "        Bad.count += 1\n        if Bad.count > 1: die()\n"
        "        return lambda logits, context: list(logits)\n"
        + _named("Contribution('evil-attribute', 'x', Bad)", HOOKS["strategy"])[1:],
        ENDS,
    ),
    "evil-object": Kind(
        "strategy",
        "@class Bad:\n    __getattribute__ = die\n"
        + _named("Contribution('evil-object', 'x', Bad)", HOOKS["strategy"])[1:],
        ENDS,
    ),
    # ------------------------------------------------ tokenizers
    "int-vocabulary": Kind("tokenizer", "vocab_size = property(lambda s: I(28))", ENDS),
    "nan-bos": Kind("tokenizer", "bos_id = property(lambda self: float('nan'))", "ValueError"),
    "int-ids": Kind("tokenizer", "def encode(self, text): return [I(0)] * len(text)", "the id"),
    "list-ids": Kind("tokenizer", "def encode(self, text): return L([0])", ENDS),
    "text-decoded": Kind("tokenizer", "def decode(self, ids): return T('x')", ENDS),
    "none-decoded": Kind("tokenizer", "def decode(self, ids): return None"),
    "long-decoded": Kind("tokenizer", "def decode(self, ids): return 'x' * 2_000_000", "characters"),
    "text-shown": Kind("tokenizer", "def display(self, token_id): return T('x')", ENDS),
    "dict-state": Kind("tokenizer", "def state_dict(self): return D(a=1)", ENDS),
    "nan-state": Kind("tokenizer", "def state_dict(self): return {'a': {1, 2}}", "TypeError"),
    "train-closes": Kind("tokenizer", "def train(self, documents): raise GeneratorExit", "GeneratorExit"),
    "evil-unknown": Kind(
        "tokenizer",
        "def encode(self, text):\n    raise evil(UnknownTextError, '__len__')(text, 0)", "Evil|end the program",
    ),
    "encode-keyboard": Kind(
        "tokenizer", "def encode(self, text): raise KeyboardInterrupt('x')", "KeyboardInterrupt"
    ),
    # ------------------------------------------------ data sets
    "text-documents": Kind("dataset", "def documents(self): return iter([T('anna'), T('bob')] * 3)"),
    "int-count": Kind("dataset", "def count(self): return I(3)", ENDS),
    "evil-provenance": Kind("dataset", "provenance = property(die)", ENDS),
    "no-provenance": Kind("dataset", "provenance = None", "AttributeError"),
    "text-provenance": Kind("dataset", "provenance = Provenance(T('a'), 'b')", ENDS),
    "evil-data-error": Kind(
        "dataset",
        "def documents(self):\n    raise type('X', (DatasetError,), "
        "{'title': property(die)}).__new__(DatasetError)", "DatasetError",
    ),
    "data-closes": Kind("dataset", "def documents(self):\n    yield 'a'\n    raise GeneratorExit", "GeneratorExit"),
    "evil-progress": Kind("dataset", "def prepare(self, cache, progress): progress(T('x'), I(1), I(2))", ENDS),
    "data-keyboard": Kind("dataset", "def prepare(self, cache, progress): raise KeyboardInterrupt", "KeyboardInterrupt"),
    # ------------------------------------------------ schedules
    "float-factor": Kind("schedule", "return F(1.0)", ENDS),
    "text-factor": Kind("schedule", "return T('1')", "a factor is a number"),
    "complex-factor": Kind("schedule", "return 1j", "TypeError"),
    "huge-factor": Kind("schedule", "return 10**400", "OverflowError"),
    "factor-keyboard": Kind("schedule", "raise KeyboardInterrupt('x')", "KeyboardInterrupt"),
    "factor-exit": Kind("schedule", "raise SystemExit(0)", ENDS),
    "factor-error": Kind("schedule", "raise E('x')", UNSHOWN),
    # ------------------------------------------------ metrics
    "float-measured": Kind("metric", "return F(1.0)", ENDS),
    "huge-measured": Kind("metric", "return 10**400", "OverflowError"),
    "measure-base": Kind("metric", "raise B('x')", UNSHOWN),
    "measure-keyboard": Kind("metric", "raise KeyboardInterrupt('x')", "KeyboardInterrupt"),
    "evil-metric": Kind(
        "metric",
        "@class Bad:\n    count = 0\n    @property\n    def of_step(self):\n"
        "        Bad.count += 1\n        if Bad.count > 1: die()\n        return lambda facts: 1.0\n"
        + _named("Contribution('evil-metric', 'x', Bad)", HOOKS["metric"])[1:],
        ENDS,
    ),
    # ------------------------------------------------ panels
    "text-lines": Kind("panel", "return [T('a')] * height"),
    "list-lines": Kind("panel", "return L(['a'])", ENDS),
    "lines-close": Kind("panel", "raise GeneratorExit('x')", "GeneratorExit"),
    "lines-error": Kind("panel", "raise E('x')", UNSHOWN),
    # ------------------------------------------------ engines
    "text-losses": Kind("engine", "def loss_and_gradients(self, d): return [[T('1')]]", "numbers"),
    "float-losses": Kind("engine", "def loss_and_gradients(self, d): return [[F(1.0)]]", ENDS),
    "no-losses": Kind("engine", "def loss_and_gradients(self, d): return []", "0 documents for 1"),
    "step-exit": Kind("engine", "def adam_step(self, rate, step): raise SystemExit(0)", ENDS),
    "step-closes": Kind("engine", "def adam_step(self, rate, step): raise GeneratorExit", "GeneratorExit"),
    "step-error": Kind("engine", "def adam_step(self, rate, step): raise E('x')", UNSHOWN),
    "read-short": Kind("engine", "def read(self, kind): return []", "the model has"),
    "push-keyboard": Kind(
        "engine",
        "def decoder(self):\n    class Bad:\n        def push(self, token): raise KeyboardInterrupt\n"
        "    return Bad()", "KeyboardInterrupt",
    ),
    "push-text": Kind(
        "engine",
        "def decoder(self):\n    class Bad:\n        def push(self, token): return [T('1')] * 28\n"
        "    return Bad()", "numbers",
    ),
    "no-config": Kind("engine", "config = property(die, lambda self, value: None)", ENDS),
    # ------------------------------------------------ exporters
    "evil-export-error": Kind(
        "exporter", "raise evil(ExportError, '__str__')('x', 'y')", "Evil"
    ),
    "evil-os-error": Kind("exporter", "raise evil(OSError)(1, 'x')", "Evil"),
    "export-closes": Kind("exporter", "raise GeneratorExit('x')", "GeneratorExit"),
    "export-progress": Kind("exporter", "progress(T('x'), 1, 2)", ENDS),
    # ------------------------------------------------ lessons
    "text-told": Kind("lesson", "return T('x')"),
    "list-told": Kind("lesson", "return L(['x'])", "a text is expected, not Evil"),
    "told-error": Kind("lesson", "raise E('x')", UNSHOWN),
    "told-keyboard": Kind("lesson", "raise KeyboardInterrupt('x')", "KeyboardInterrupt: x"),
    "told-closes": Kind("lesson", "raise GeneratorExit('x')", "GeneratorExit: x"),
    "evil-lesson": Kind("lesson", "@" + _named(
        "Contribution('evil-lesson', 'x', lambda: evil(Lesson)('x', []))",
        HOOKS["lesson"])[1:], "Evil"),
    "evil-step": Kind("lesson", "@" + _named(
        "Contribution('evil-step', 'x', lambda: Lesson('x', [evil(Tell)('x'), Named]))",
        HOOKS["lesson"])[1:], "step 0 is a Evil"),
    "evil-settings": Kind("lesson", "@" + _named(
        "Contribution('evil-settings', 'x', lambda: Lesson('x', [Tell('x')] * 2, run=D(a=1)))",
        HOOKS["lesson"])[1:], "end the program|object"),
    "int-answer": Kind("lesson", "@" + _named(
        "Contribution('int-answer', 'x', lambda: Lesson('x', [Number('x', answer=lambda f: I(3), "
        "why=T('y')), Tell('x')]))", HOOKS["lesson"])[1:]),
    # ------------------------------------------------ writers
    "text-written": Kind("writer", "def write(self, prompt, tell): return Continuation(T('x'))"),
    "text-told-so-far": Kind("writer", "def write(self, prompt, tell):\n    tell(T('x'))\n    return Continuation('x')"),
    "evil-continuation": Kind("writer", "def write(self, prompt, tell): return evil(Continuation)('x')", "a Continuation, not Evil"),
    "no-continuation": Kind("writer", "def write(self, prompt, tell): return 'x'", "a Continuation, not str"),
    "int-written": Kind("writer", "def write(self, prompt, tell): return Continuation('x', tokens_written=I(3))"),
    "minus-written": Kind("writer", "def write(self, prompt, tell): return Continuation('x', tokens_read=-1)", "0 or more"),
    "true-written": Kind("writer", "def write(self, prompt, tell): return Continuation('x', tokens_read=True)", "must be a count"),
    "nan-dollars": Kind("writer", "def write(self, prompt, tell): return Continuation('x', dollars=float('nan'))", "must be a price"),
    "huge-dollars": Kind("writer", "def write(self, prompt, tell): return Continuation('x', dollars=10**400)", "OverflowError|must be a price"),
    "text-ended": Kind("writer", "def write(self, prompt, tell): return Continuation('x', ended=T('y'))"),
    "evil-writer-error": Kind("writer", "def write(self, prompt, tell): raise evil(WriterError, '__str__')('x', 'y')", "Evil|end the program"),
    "write-keyboard": Kind("writer", "def write(self, prompt, tell): raise KeyboardInterrupt('x')", "KeyboardInterrupt: x"),
    "write-exit": Kind("writer", "def write(self, prompt, tell): sys.exit(0)", ENDS),
    "write-error": Kind("writer", "def write(self, prompt, tell): raise E('x')", UNSHOWN),
    "evil-outlet": Kind("writer", "def outlet(self): return evil(Outlet)('a', ('b',))", "an Outlet or None, not Evil"),
    "text-outlet": Kind("writer", "def outlet(self): return Outlet(T('a'), ('b',))"),
    "long-outlet": Kind("writer", "def outlet(self): return Outlet('http://a', ('b',) * 99)", "1 to 20 things"),
    "late-outlet": Kind("writer", "count = 0\ndef outlet(self):\n    self.count += 1\n    Bad.count += 1\n    return Outlet('http://a', (str(Bad.count),))", "not what you agreed to"),
    # ------------------------------------------------ what is contributed
    "evil-name": Kind("strategy", "@" + GOOD + _named(
        "Contribution(T('evil-name'), T('x'), Good, None, (T('json'),))", HOOKS["strategy"])[1:]),
}  # fmt: skip
"""Plugins of which a session survives each."""


LOADED: dict[str, Kind] = {
    "evil-contribution": Kind("strategy", "@" + GOOD + _named(
        "evil(Contribution)('evil-contribution', 'x', Good)", HOOKS["strategy"])[1:], ENDS),
    "evil-control": Kind("strategy", "@" + GOOD.replace("class Good:", (
        "class K(Knobs):\n    k: int = Knob(1, ge=0, le=9, label=T('l'), unit=T('u'), help=T('h'))\n"
        "class Good:\n    def __init__(self, knobs): pass")) + _named(
        "Contribution('evil-control', 'x', Good, K)", HOOKS["strategy"])[1:], ENDS),
    "evil-dir": Kind("strategy", "@def __dir__(): return [T('microgpt_strategies')]\n",
        "no hook function"),
    "evil-validator": Kind("strategy", "@" + GOOD + (
        "class K(Knobs):\n    k: int = Knob(1)\n    model_fields = property(die)\n"
        "    @classmethod\n    def model_construct(cls): die()\n") + _named(
        "Contribution('evil-validator', 'x', Good, K)", HOOKS["strategy"])[1:], "'property' object"),
    "evil-requires": Kind("strategy", "@" + GOOD + _named(
        "Contribution('evil-requires', 'x', Good, None, L(['json']))", HOOKS["strategy"])[1:],
        ENDS),
    "hook-closes": Kind("strategy", "@@hookimpl\ndef microgpt_engines():\n    raise GeneratorExit('x')\n",
        "GeneratorExit: x"),
    "hook-error": Kind("strategy", "@@hookimpl\ndef microgpt_engines():\n    raise E('x')\n", UNSHOWN),
    "import-error": Kind("strategy", "@raise E('x')\n", UNSHOWN),
    "import-closes": Kind("strategy", "@raise GeneratorExit('x')\n", "GeneratorExit: x"),
    "import-meta": Kind("strategy", "@raise type.__call__(Named, 'x')\n", ENDS),
}  # fmt: skip
"""Plugins of which a fault shows while they are loaded."""
