"""Whatever bytes stand in a file, its reader refuses it in words, or it is a run.

At length: tools/fuzz_files.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground import strict
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.store.keyframes import keyframe_of
from playground.lab.store.records import StoredKeyframe
from playground.lab.store.rows import answers_of, plugins_of, samples_of
from playground.lab.store.store import Store
from tests.crafted import checkpoints, runs, using

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
"""Anything that JSON holds, NaN and infinities too."""
SQL = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.binary(max_size=40),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    VALUES.map(json.dumps),
)
"""Anything that SQLite holds."""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load(PluginSources(entry_points=False))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "base").write_bytes(runs.sound())
    (folder / "words.txt").write_bytes(runs.text_of(folder / "base"))
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    with using.a_store(folder) as store:
        yield store


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The bytes, some of them altered, gone, doubled or others."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        # Of three damages two are in the header, where there is more to go wrong.
        at = at % 5000 if draw(st.integers(0, 2)) else at
        part = draw(st.binary(max_size=9))
        gone = draw(st.sampled_from((0, len(part), len(part), 1, 100)))
        data[at : at + gone] = part
    return bytes(data)


CHECKPOINT = checkpoints.sound(Path("/words.txt"))


@settings(max_examples=60)
@given(data=damaged(CHECKPOINT.joined()))
def test_a_checkpoint_of_damaged_bytes(data: bytes, registry: Registry) -> None:
    using.use_bytes(data, registry)


@settings(max_examples=60)
@given(field=st.sampled_from(sorted(CHECKPOINT.metadata)), value=VALUES, inner=st.booleans())
def test_a_checkpoint_of_other_metadata(
    field: str, value: object, inner: bool, registry: Registry
) -> None:
    said = json.dumps(value) if inner else value
    using.use_bytes(CHECKPOINT.saying(**{field: said}), registry)


@settings(max_examples=30)
@given(
    path=st.sampled_from(sorted(runs.leaves(json.loads(CHECKPOINT.metadata["spec"])), key=str)),
    value=VALUES,
)
def test_a_checkpoint_of_other_settings(
    path: tuple[str, ...], value: object, registry: Registry
) -> None:
    using.use_bytes(CHECKPOINT.specified(**{"__".join(path): value}), registry)


@settings(max_examples=25)
@given(data=damaged(runs.sound()))
def test_a_run_file_of_damaged_bytes(
    data: bytes, folder: Path, store: Store, registry: Registry
) -> None:
    (folder / "x.microgpt-run").write_bytes(data)
    using.use_run_file(folder / "x.microgpt-run", store, registry)


@settings(max_examples=30)
@given(
    where=st.sampled_from(
        [(table, column) for table, columns in runs.COLUMNS.items() for column in columns]
    ),
    value=SQL,
)  # fmt: skip
def test_a_run_file_of_other_values(
    where: tuple[str, str], value: object, folder: Path, store: Store, registry: Registry
) -> None:
    table, column = where
    path = folder / "x.microgpt-run"
    path.write_bytes(runs.sound())
    change = runs.Change("", (f"UPDATE {table} SET {column} = ?",), (value,))
    if runs.changed(path, change):
        using.use_run_file(path, store, registry)


@given(value=VALUES)
def test_rows_of_other_values_are_refused_in_a_word(value: object) -> None:
    for read in (plugins_of, samples_of, lambda text: answers_of(1, text)):
        try:
            read(json.dumps(value))
        except strict.Refusal as error:
            assert str(error).isprintable()


@given(data=st.binary(max_size=300) | damaged(b"x" * 8))
def test_a_state_of_other_bytes_is_refused(data: bytes) -> None:
    with pytest.raises(Exception, match="A stored state is damaged"):
        keyframe_of(StoredKeyframe(1, data))


# ---------------------------------------------------------------- JSON


@given(value=VALUES)
def test_what_json_writes_is_read_as_it_was(value: object) -> None:
    text = json.dumps(value)
    if all(abs(one) < 10**39 for one in _integers(value)):
        assert repr(strict.parsed(text, "it", nan=True)) == repr(json.loads(text))


def _integers(value: object) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _integers(one)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 101 + "]" * 101, "deep"),
        ('{"a":' * 101 + "1" + "}" * 101, "deep"),
        ('["' + "[" * 200 + '"]', ""),
        ('["\\"' + "[" * 200 + '"]', ""),
        ('{"a": 1, "b": {"a": 1}}', ""),
        ('{"a": 1, "\\u0061": 1}', "twice"),
        ('{"b": {"a": [{"x": 1, "x": 2}]}}', "twice"),
        ("[" + "1," * 1_000_001 + "1]", "more than"),
        ("[" + '"",' * 1_000_001 + "1]", "more than"),
        ('"' + "x" * 17_000_000 + '"', "characters"),
        ("1e400", "too large"),
        ("-Infinity", "no number"),
        ("9" * 41, "digits"),
        ("", "not JSON"),
        ("[1] 2", "not JSON"),
    ],
)
def test_a_text_is_bounded_before_it_is_parsed(text: str, why: str) -> None:
    if why:
        with pytest.raises(strict.Refusal, match=why):
            strict.parsed(text, "it")
    else:
        strict.parsed(text, "it")
