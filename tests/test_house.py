"""The layout of the code: the map names real files, and the code keeps what the map promises."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.docs_helpers import ROOT, assert_links_lead_somewhere

PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in
         ("docs/architecture.md", "CONTRIBUTING.md", "README.md")}  # fmt: skip
MAP = PAGES["docs/architecture.md"]
TOPS = ("playground", "microgpt", "tests", "tools", "plugins", "docs")
MOST_FORWARDERS = 5
"""How many methods of a class may only pass a call on; a class with more is a second front door."""
MOST_ROOMS = 12
"""How many files the key `s` may cross from its binding to the step."""
MOST_FLAT = 12
"""How many files may lie at the root of the lab, without `__init__`."""


def named_paths(text: str) -> list[str]:
    """Every file and folder that a page names in backquotes."""
    return [
        path
        for path in re.findall(r"`([\w./-]+)`", text)
        if path.split("/")[0] in TOPS and "/" in path
    ]


def section(text: str, title: str) -> str:
    """The text under a heading of a page."""
    return text.partition(f"\n## {title}")[2].partition("\n## ")[0]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    paths = named_paths(PAGES[page])
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    assert_links_lead_somewhere(ROOT / page)


def test_the_map_says_where_each_feature_is_found() -> None:
    rows = re.findall(r"^\| (.+) \| `([\w./-]+)` \|$", section(MAP, "Where do I find"), re.M)
    assert len(rows) >= 25
    assert len({feature for feature, _ in rows}) == len(rows)
    assert [path for _, path in rows if not (ROOT / path).is_file()] == []


def test_the_map_follows_the_key_for_one_step_through_few_files() -> None:
    way = section(MAP, "The life of a key").partition("The reply")[0]
    files = [path for path in named_paths(way) if path.endswith(".py")]
    before_the_engine = [path for path in files if path.startswith("playground/")]
    assert files[0] == "playground/tui/bindings.py"
    assert before_the_engine[-1] == "playground/lab/run/training.py"
    assert len(set(before_the_engine)) <= MOST_ROOMS


def test_few_files_lie_flat_in_the_lab() -> None:
    flat = [path.name for path in (ROOT / "playground" / "lab").glob("*.py")]
    assert len([name for name in flat if name != "__init__.py"]) <= MOST_FLAT, flat


PACKAGES = sorted(
    path.parent.relative_to(ROOT).as_posix()
    for top in ("playground", "microgpt")
    for path in (ROOT / top).rglob("__init__.py")
)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_lives_there(package: str) -> None:
    source = (ROOT / package / "__init__.py").read_text(encoding="utf-8")
    assert len(ast.get_docstring(ast.parse(source)) or "") >= 40


def only_passes_on(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """True if the method only hands its own arguments to a part of `self`."""
    body = [node for node in method.body if not is_docstring(node)]
    if len(body) != 1 or not isinstance(body[0], ast.Return | ast.Expr):
        return False
    value = body[0].value
    if isinstance(value, ast.Await):
        value = value.value
    if isinstance(value, ast.Attribute):
        return depth_below_self(value) >= 2
    if not isinstance(value, ast.Call) or depth_below_self(value.func) < 2:
        return False
    own = {argument.arg for argument in (*method.args.args, *method.args.kwonlyargs)}
    given = [*value.args, *(keyword.value for keyword in value.keywords)]
    return all(isinstance(node, ast.Name) and node.id in own for node in given)


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def depth_below_self(node: ast.expr) -> int:
    """How many attributes follow `self`: 2 for `self.part.method`, 0 if `self` is not the root."""
    depth = 0
    while isinstance(node, ast.Attribute):
        node, depth = node.value, depth + 1
    return depth if isinstance(node, ast.Name) and node.id == "self" else 0


def forwarders() -> Iterator[tuple[str, list[str]]]:
    """Each class of the playground, with its methods that only pass a call on."""
    for path in sorted((ROOT / "playground").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                methods = (ast.FunctionDef, ast.AsyncFunctionDef)
                found = [each.name for each in node.body
                         if isinstance(each, methods) and only_passes_on(each)]  # fmt: skip
                yield f"{path.relative_to(ROOT).as_posix()}:{node.name}", found


def test_no_class_is_a_second_front_door() -> None:
    assert [name for name, found in forwarders() if len(found) > MOST_FORWARDERS] == []


@pytest.mark.parametrize(
    ("source", "passes_on"),
    [
        ("def f(self, a): return self.part.f(a)", True),
        ("async def f(self, *, a=1):\n    'Says so.'\n    await self._part.deep.g(a=a)", True),
        ("def f(self): return self.part.value", True),
        ("def f(self): return self.value", False),
        ("def f(self, a): return self.part.f(a, 2)", False),
        ("def f(self, a): return self.part.f(a) + 1", False),
        ("def f(self, a):\n    self.count += 1\n    self.part.f(a)", False),
        ("def f(self, a): return other.part.f(a)", False),
    ],
)
def test_a_method_that_only_passes_on_is_told_from_one_that_does_something(
    source: str, passes_on: bool
) -> None:
    method = ast.parse(source).body[0]
    assert isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
    assert only_passes_on(method) is passes_on


# ---------------------------------------------------------------- names in the prose

_ELSEWHERE = {"push_screen_wait", "wdiff", "__del__"}
"""Names of other programs and libraries that docstrings speak of."""


def words_and_prose() -> tuple[set[str], list[tuple[str, str]]]:
    """(every name of the code, each file with each dotted name that its prose has in backquotes)"""
    known, named = {*_ELSEWHERE, *dir(type)}, list[tuple[str, str]]()
    for path in sorted(
        path for top in ("playground", "microgpt") for path in (ROOT / top).rglob("*.py")
    ):
        known |= {path.stem, path.name}
        with path.open("rb") as source:
            for token in tokenize.tokenize(source.readline):
                if token.type == tokenize.NAME:
                    known.add(token.string)
                elif token.type in (tokenize.STRING, tokenize.COMMENT):
                    quoted = re.findall(r"`([A-Za-z_][\w.]*\w)(?:\(\))?`", token.string)
                    named += [(path.name, name) for name in quoted]
                    if "`" not in token.string:
                        known.update(re.findall(r"\w+", token.string))
    return known, named


def test_every_name_that_a_docstring_mentions_exists() -> None:
    known, named = words_and_prose()
    assert len(named) > 100
    gone = [
        (file, name)
        for file, name in named
        if name not in known and not all(part in known for part in name.split("."))
    ]
    assert gone == []
