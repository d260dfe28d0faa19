"""Checkpoints that no playground wrote: a sound one of version 0.1.0 with one thing wrong each."""

from __future__ import annotations

import gzip
import json
import struct
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BEFORE = Path(__file__).parents[1] / "lab" / "files_of_before"
DEEP = "[" * 5_000 + "]" * 5_000
NAN = float("nan")
ENDLESS = float("inf")


@dataclass(frozen=True)
class Craft:
    """A file, and what becomes of it."""

    name: str
    data: bytes
    opens: bool | None = False
    """True if it is a run, False if it is refused, None if either will do."""


@dataclass(frozen=True)
class Parts:
    """A .safetensors file taken apart; `joined` puts it together again."""

    metadata: dict[str, Any]
    tensors: dict[str, tuple[str, list[int], bytes]]
    """(dtype, shape, bytes) by name."""

    @classmethod
    def of(cls, data: bytes) -> Parts:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        metadata = header.pop("__metadata__")
        tensors = {}
        for name, one in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            first, end = one["data_offsets"]
            part = data[8 + length + first : 8 + length + end]
            tensors[name] = (one["dtype"], one["shape"], part)
        return cls(metadata, tensors)

    def joined(self, change: Callable[[dict[str, Any]], None] = lambda _: None) -> bytes:
        """The file. change: what is done to its header last."""
        header: dict[str, Any] = {"__metadata__": self.metadata}
        place = 0
        for name, (dtype, shape, data) in self.tensors.items():
            end = place + len(data)
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [place, end]}
            place = end
        change(header)
        return behind(json.dumps(header), b"".join(one for _, _, one in self.tensors.values()))

    def saying(self, **metadata: Any) -> bytes:
        """The file with other metadata; None takes one away."""
        said = {**self.metadata, **metadata}
        return Parts(
            {key: one for key, one in said.items() if one is not None}, self.tensors
        ).joined()

    def holding(self, name: str, *numbers: float, shape: list[int] | None = None) -> bytes:
        """The file with other numbers in a tensor, from its first one on, or in all of it."""
        dtype, old, data = self.tensors[name]
        given = array("d", numbers).tobytes()
        whole = given + data[len(given) :] if shape is None else given
        tensor = (dtype, old if shape is None else shape, whole)
        return Parts(self.metadata, {**self.tensors, name: tensor}).joined()

    def specified(self, **settings: Any) -> bytes:
        """The file with other settings, by dotted name with __."""
        spec = json.loads(self.metadata["spec"])
        for dotted, value in settings.items():
            *path, last = dotted.split("__")
            place = spec
            for key in path:
                place = place[key]
            place[last] = value
        return self.saying(spec=json.dumps(spec))


def behind(header: str, body: bytes = b"") -> bytes:
    """A file with this header."""
    packed = header.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(packed)) + packed + body


def sound(words: Path) -> Parts:
    """The checkpoint of version 0.1.0, which learns from the file `words`."""
    parts = Parts.of(gzip.decompress((BEFORE / "run.safetensors.gz").read_bytes()))
    spec = json.loads(parts.metadata["spec"])
    spec["dataset"]["options"]["path"] = str(words)
    return Parts({**parts.metadata, "spec": json.dumps(spec)}, parts.tensors)


NONSENSE: Mapping[str, str] = {
    "nothing": "",
    "a word": "many",
    "a minus": "-1",
    "a fraction": "1.5",
    "NaN": "NaN",
    "an infinity": "-Infinity",
    "no float": "1e400",
    "no int": "9" * 5_000,
    "a large int": str(2**60),
    "digits of others": "٣",
    "a text": '"x"',
    "a null": "null",
    "an object": '{"a": 1}',
    "a list of objects": '[{"step": 1}]',
    "a key twice": '{"a": 1, "a": 2}',
    "depth": DEEP,
    "deep objects": '{"a":' * 900 + "1" + "}" * 900,
    "half a text": '{"chain": [',
    "an endless step": "[[1e400, 1]]",
    "a step of NaN": "[[NaN, 1]]",
    "a step before all": "[[-1, 0.5]]",
    "a step that is true": "[[true, 0.5]]",
    "a step alone": "[[1]]",
    "three of a pair": "[[1, 2, 3]]",
    "a value of null": "[[1, null]]",
    "a value in a list": "[[1, [2]]]",
    "a lone surrogate": '[[1, "\\ud800"]]',
}
FINE = {
    ("data", one)  # the data of a checkpoint are any text: they differ from those that are there
    for one in NONSENSE
    if one not in ("no int", "depth", "deep objects")
} | {
    ("sampling", one)  # sampling that is none is left out
    for one in ("a minus", "a fraction", "a large int", "a text", "a null", "an object",
                "a list of objects", "a step before all", "a step that is true", "a step alone",
                "three of a pair", "a value of null", "a value in a list", "a lone surrogate")
} | {("base_learning_rate", "a fraction")}  # fmt: skip


def crafted(words: Path) -> Iterator[Craft]:
    """All of them. words: the text that they learn from."""
    parts = sound(words)
    whole = parts.joined()
    yield Craft("as it was", whole, opens=True)
    yield from _of_metadata(parts)
    yield from _of_settings(parts)
    yield from _of_tokenizers(parts)
    yield from _of_numbers(parts)
    yield from _of_headers(parts, whole)


def _of_metadata(parts: Parts) -> Iterator[Craft]:
    optional = ("since_step", "tokens_seen", "evaluations", "edits", "engines", "repeatable")
    for field in parts.metadata:
        if field in ("format", "version"):
            continue
        gone = field in (*optional, "sampling", "data")
        yield Craft(f"{field} is missing", parts.saying(**{field: None}), opens=gone)
        yield Craft(f"{field} is a number", parts.saying(**{field: 7}))
        for name, value in NONSENSE.items():
            opens = (field, name) in FINE
            yield Craft(f"{field}: {name}", parts.saying(**{field: value}), opens)
    for name, value in {"a step to come": "46", "a step after the end": "301"}.items():
        yield Craft(f"step: {name}", parts.saying(step=value), opens=name == "a step to come")
        yield Craft(f"since_step: {name}", parts.saying(since_step=value))
    yield Craft("a rate below zero", parts.saying(edits="[[20, -0.5]]"))
    yield Craft("an engine without a name", parts.saying(engines='[[20, ""]]'))
    yield Craft("an engine of nobody", parts.saying(engines='[[20, "warp"]]'), opens=True)
    yield Craft("a held-out loss of NaN", parts.saying(evaluations="[[20, NaN]]"), opens=True)
    yield Craft("a held-out loss in words", parts.saying(evaluations='[[20, "low"]]'))
    yield Craft("no format", parts.saying(format=None))
    yield Craft("another format", parts.saying(format="pt"))
    yield Craft("a later version", parts.saying(version="3"))
    yield Craft("a version of many digits", parts.saying(version="9" * 9_999))
    yield Craft("no version", parts.saying(version=None))
    yield Craft("a long edit", parts.saying(engines=json.dumps([[20, "x" * 20_000]])))
    yield Craft("many edits", parts.saying(edits=json.dumps([[1, 0.5]] * 300_000)))


def _of_settings(parts: Parts) -> Iterator[Craft]:
    fields = ("steps", "seed", "batch_size", "holdout", "engine", "eval_every", "model__n_embd",
              "model__block_size", "model__n_layer", "optimizer__learning_rate",
              "optimizer__beta1", "dataset__name", "dataset__options", "tokenizer__name",
              "tokenizer__options", "schedule__name", "model", "dataset", "schedule")  # fmt: skip
    values: dict[str, Any] = {
        "true": True, "null": None, "a list": [1], "a text": "16", "minus": -1,
        "2**60": 2**60, "an object": {"a": {"b": 1}}, "NaN": NAN, "endless": ENDLESS,
    }  # fmt: skip
    texts = ("engine", "dataset__name", "tokenizer__name", "schedule__name")
    for field in fields:
        for name, value in values.items():
            if name == "a text" and field in texts:
                opens = None if field == "engine" else False
            else:
                opens = (field, name) == ("model", "none")
            yield Craft(f"{field} is {name}", parts.specified(**{field: value}), opens)
    yield Craft("settings of another program", parts.specified(dropout=0.1))
    yield Craft("a wide model", parts.specified(model__n_embd=1024))
    yield Craft("a deep model", parts.specified(model__n_layer=24))
    yield Craft("a plugin of nobody", parts.specified(tokenizer__name="them:words"))
    yield Craft("a knob of nobody", parts.specified(tokenizer__options={"x": 1}))
    yield Craft("a knob that is deep", parts.specified(schedule__options={"x": [[[1]]]}))


def _of_tokenizers(parts: Parts) -> Iterator[Craft]:
    letters = json.loads(parts.metadata["tokenizer"])["characters"]
    states: dict[str, Any] = {
        "of another type": {"type": "word", "characters": letters},
        "of bytes": {"type": "byte"},
        "with a letter less": {"type": "char", "characters": letters[1:]},
        "with a letter more": {"type": "char", "characters": sorted([*letters, "q"])},
        "with a letter twice": {"type": "char", "characters": [letters[0], *letters]},
        "out of order": {"type": "char", "characters": letters[::-1]},
        "with words": {"type": "char", "characters": ["ab", *letters[1:]]},
        "with numbers": {"type": "char", "characters": [1, *letters[1:]]},
        "that is a list": letters,
        "that is a text": "".join(letters),
        "with a dict": {"type": "char", "characters": dict.fromkeys(letters, 1)},
        "without letters": {"type": "char"},
        "of a type that is a list": {"type": ["char"], "characters": letters},
    }
    for name, state in states.items():
        yield Craft(f"a tokenizer {name}", parts.saying(tokenizer=json.dumps(state)))
    odd = json.dumps({"type": "char", "characters": [*letters[:-1], "\ud800"]})
    yield Craft("a tokenizer with half a letter", parts.saying(tokenizer=odd), opens=None)
    controls = json.dumps({"type": "char", "characters": ["\x07", "\x1b", *letters[2:]]})
    yield Craft("a tokenizer with controls", parts.saying(tokenizer=controls), opens=None)
    many = json.dumps({"type": "char", "characters": ["ab"] * 400_000})
    yield Craft("a tokenizer of a million", parts.saying(tokenizer=many))
    for kind in ("byte", "word"):
        spec = json.loads(parts.metadata["spec"])
        spec["tokenizer"]["name"] = kind
        yield Craft(f"the letters of a {kind} tokenizer", parts.saying(spec=json.dumps(spec)))


def _of_numbers(parts: Parts) -> Iterator[Craft]:
    yield Craft("weights of NaN", parts.holding("wte", *[NAN] * 20), opens=None)
    yield Craft("weights without end", parts.holding("lm_head", *[ENDLESS] * 20), opens=None)
    yield Craft("weights of 1e308", parts.holding("wpe", *[1e308, -1e308] * 9), opens=None)
    yield Craft("a first moment of NaN", parts.holding("first_moment.wte", NAN), opens=None)
    moment = "second_moment.wte"
    yield Craft("a negative second moment", parts.holding(moment, -1e-9))
    yield Craft("a negative one behind NaN", parts.holding(moment, 1.0, NAN, -1.0))
    yield Craft("a negative one behind NaN, first", parts.holding("second_moment.wpe", NAN, -1.0))
    yield Craft("a second moment of NaN", parts.holding(moment, NAN), opens=None)
    yield Craft("a second moment of -0.0", parts.holding(moment, -0.0), opens=True)
    yield Craft("losses of NaN", parts.holding("series.losses", NAN, ENDLESS), opens=None)
    yield Craft("fewer losses", parts.holding("series.losses", 1.0, shape=[1]))
    yield Craft("losses in a table", parts.holding("series.losses", *[1.0] * 45, shape=[9, 5]))
    metric = "metric.gradient-norm"
    for name, numbers in {
        "of no step": (NAN, 1.0), "of an endless step": (ENDLESS, 1.0), "before all": (-1.0, 1.0),
        "of half a step": (1.5, 1.0),
    }.items():  # fmt: skip
        yield Craft(f"a metric {name}", parts.holding(metric, *numbers))
    yield Craft("a metric of NaN", parts.holding(metric, 1.0, NAN), opens=True)
    yield Craft("a metric of odd length", parts.holding(metric, 1.0, 2.0, 3.0, shape=[3]))
    yield Craft("a metric in threes", parts.holding(metric, 1.0, 2.0, 3.0, shape=[1, 3]))
    yield Craft("an empty metric", parts.holding(metric, shape=[0, 2]), opens=True)
    tensors = dict(parts.tensors)
    tensors["metric."] = tensors.pop(metric)
    yield Craft("a metric without a name", Parts(parts.metadata, tensors).joined())
    many = {f"metric.{n}": ("F64", [0, 2], b"") for n in range(2000)}
    yield Craft("two thousand metrics", Parts(parts.metadata, {**parts.tensors, **many}).joined())
    for name in ("wte", "lm_head", "layer0.mlp_fc1", moment, "first_moment.wpe", "gradients.wpe"):
        rest = {key: one for key, one in parts.tensors.items() if key != name}
        yield Craft(f"{name} is missing", Parts(parts.metadata, rest).joined())
        dtype, shape, data = parts.tensors[name]
        turned = {**parts.tensors, name: (dtype, [shape[1] + 1, shape[0]], data)}
        yield Craft(f"{name} has another shape", Parts(parts.metadata, turned).joined())
        single = {**parts.tensors, name: ("F32", shape, data[: len(data) // 2])}
        yield Craft(f"{name} is float32", Parts(parts.metadata, single).joined())
    more = {**parts.tensors, "extra": ("BF16", [2], b"abcd")}
    yield Craft("a tensor of somebody's", Parts(parts.metadata, more).joined(), opens=True)


def _of_headers(parts: Parts, whole: bytes) -> Iterator[Craft]:
    for size in (0, 1, 7, 8, 9, 40, 4000, len(whole) - 1):
        yield Craft(f"the first {size} bytes", whole[:size])
    yield Craft("bytes behind the end", whole + b"more")
    for length in (2**64 - 1, 2**63, 2**40, 100_000_000, len(whole) - 7, 1):
        yield Craft(f"a header of {length} bytes", struct.pack("<Q", length) + whole[8:])
    for name, text in {
        "a list": "[]", "a deep list": DEEP, "a deep object": '{"a":' * 5000, "null": "null",
        "nothing": "", "two commas": '{"__metadata__": {},,}', "a text": '"x"',
        "metadata in a list": '{"__metadata__": [1]}', "a number": '{"__metadata__": 3}',
        "metadata twice": '{"__metadata__": {"format": "microgpt-play"}, "__metadata__": {}}',
        "half a letter": '{"__metadata__": {"format": "\ud800"}}',
        "lists": '{"a": [' + "[]," * 3_000_000 + "0]}",
        "texts": '{"a": [' + '"ab",' * 3_000_000 + "0]}",
        "quotes": "{" + '""' * 8_000_000,
        "backslashes": '{"' + "\\\\" * 7_000_000 + '": 1}',
    }.items():  # fmt: skip
        yield Craft(f"a header of {name}", behind(text))

    def changed(name: str, change: Callable[[dict[str, Any]], None]) -> Craft:
        return Craft(name, parts.joined(change))

    for field in ("dtype", "shape", "data_offsets"):
        for name, value in {
            "missing": None, "a number": 7, "a text": "x", "an object": {}, "true": True,
            "negative": [-8, 8], "too many": [8] * 9, "texts": ["0", "8"], "floats": [0.0, 8.0],
            "flags": [False, True], "backwards": [80, 0], "huge": [2**62, 2**63], "one": [0],
        }.items():  # fmt: skip

            def change(header: dict[str, Any], field: str = field, value: Any = value) -> None:
                if value is None:
                    del header["wpe"][field]
                else:
                    header["wpe"][field] = value

            yield changed(f"{field} of wpe: {name}", change)
    yield changed("a tensor that is null", lambda header: header.update(wpe=None))
    yield changed("a tensor upon another", lambda header: header.update(wpe=header["wte"]))
