"""Write docs/hooks/: one reference page for every hook, made from the code itself.

    python tools/make_hook_docs.py [--check]

A page is put together from what is written down once already: the hook's docstring in
playground/hooks/specs.py with its complete example, the protocols, dataclasses and exceptions
of playground/api with the docstrings of their methods and fields, the checks of
playground/testing that the example is held to, and the built-in modules and gallery plugins
that have a hook of that name. So a page is changed by changing one of these and running
`make docs`. With --check nothing is written: the exit code is 1 if a page would change.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.api import Contribution
from playground.catalog import HOOKS, Kind
from playground.hooks import specs
from playground.hooks.errors import KIND_WORDS
from playground.testing import contribution_checks

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "hooks"
INDEX = "README.md"
MADE = (
    "<!-- Made by tools/make_hook_docs.py from the hook specifications and the protocols: change\n"
    "those and run `make docs`. -->\n"
)
FACES = (
    "playground/api/contribution.py",
    "playground/api/knobs.py",
    "playground/api/text.py",
    "playground/api/run.py",
    "playground/api/lessons.py",
    "playground/api/writing.py",
    "playground/catalog.py",
    "microgpt/anatomy.py",
    "microgpt/engine.py",
    "microgpt/config.py",
    "microgpt/tokenizer.py",
)
"""The files with the names that a plugin's author meets."""
COMMON = ("Contribution", "Knobs", "Knob", "KnobValue")
"""Names described once, on the index page."""
TWO_HUMPS = re.compile(r"\b[A-Z][a-z]+[A-Z]\w*\b")
"""Matches names such as SampleContext, and no word that merely begins a sentence."""


# ---------------------------------------------------------------- what the code says


@dataclass(frozen=True)
class Named:
    """A class, a function or an alias, and its source."""

    name: str
    file: str
    node: ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign
    doc: str

    @property
    def bases(self) -> set[str]:
        if not isinstance(self.node, ast.ClassDef):
            return set()
        return {ast.unparse(base) for base in self.node.bases}

    @property
    def is_dataclass(self) -> bool:
        return any("dataclass" in ast.unparse(mark) for mark in decorators(self.node))

    @property
    def behaves(self) -> bool:
        """True for a protocol or an exception, which gets a section if prose names it."""
        return self.name.endswith("Error") or "Protocol" in self.bases


def decorators(node: ast.AST) -> list[ast.expr]:
    return list(getattr(node, "decorator_list", ()))


def public_names() -> dict[str, Named]:
    """Everything with a docstring in FACES, by name."""
    found: dict[str, Named] = {}
    for file in FACES:
        body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
        for place, node in enumerate(body):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                doc = ast.get_docstring(node) or ""
                if not node.name.startswith("_"):
                    found[node.name] = Named(node.name, file, node, doc)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if isinstance(target, ast.Name):
                    found[target.id] = Named(target.id, file, node, doc_after(body, place))
    return found


def doc_after(body: list[ast.stmt], place: int) -> str:
    """The string that stands below an assignment: its docstring."""
    following = body[place + 1] if place + 1 < len(body) else None
    if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
        return inspect.cleandoc(str(following.value.value))
    return ""


def fields(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """(name, type, docstring) of what a class declares."""
    for place, item in enumerate(node.body):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            yield item.target.id, ast.unparse(item.annotation), doc_after(node.body, place)


def methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and (
            not item.name.startswith("_")
            or item.name == "__call__"
            or (item.name == "__init__" and node.name.endswith("Error"))  # authors raise the error
        ):
            yield item


def signature(function: ast.FunctionDef, owner: str = "") -> str:
    """The call as an author writes it: without self, and a property without parentheses."""
    returned = ast.unparse(function.returns) if function.returns is not None else "None"
    if any(ast.unparse(mark) == "property" for mark in decorators(function)):
        return f"{function.name}: {returned}"
    arguments = ast.unparse(function.args).removeprefix("self").removeprefix(", ")
    if function.name == "__init__":
        return f"{owner}({arguments})"
    name = "" if function.name == "__call__" else function.name
    return f"{name}({arguments}) -> {returned}"


def words_of(named: Named) -> set[str]:
    """Names in its annotations, and names of protocols and exceptions in its prose."""
    node = named.node
    prose = named.doc
    annotations: list[str] = []
    if isinstance(node, ast.ClassDef):
        for _, kind, doc in fields(node):
            annotations.append(kind)
            prose += "\n" + doc
        for method in methods(node):
            annotations.append(signature(method))
            prose += "\n" + (ast.get_docstring(method) or "")
    else:
        annotations.append(ast.unparse(node))
    return set(re.findall(r"\w+", " ".join(annotations))) | {
        word for word in TWO_HUMPS.findall(prose) if word in NAMES and NAMES[word].behaves
    }


NAMES = public_names()


# ---------------------------------------------------------------- one hook


@dataclass(frozen=True)
class Hook:
    name: str
    kind: Kind
    prose: str
    """What the hook declares, in words."""
    example: str
    """A complete plugin."""
    about: tuple[str, ...]
    """The protocol first, then all names that the protocol brings along."""


def hook(name: str) -> Hook:
    """The hook of that name. Raises ValueError if its specification lacks the example."""
    function = getattr(specs, name)
    prose, mark, code = (inspect.getdoc(function) or "").partition("A complete plugin:")
    if not mark:
        raise ValueError(f"{name} in playground/hooks/specs.py lacks its complete plugin")
    example = textwrap.dedent(code.strip("\n")).rstrip() + "\n"
    returned = ast.unparse(ast.parse(str(function.__annotations__["return"])))
    wanted = re.fullmatch(r"Iterable\[Contribution\[(\w+)\]\]", returned)
    if wanted is None:
        raise ValueError(f"{name} returns {returned}, not Iterable[Contribution[...]]")
    return Hook(name, HOOKS[name], prose.strip(), example, closure(wanted[1], prose))


def closure(root: str, prose: str) -> tuple[str, ...]:
    """The names a page explains, from the protocol outward."""
    named = NAMES[root]
    if isinstance(named.node, ast.Assign):  # Strategy = TransformStrategy | PickStrategy
        queue = re.findall(r"\w+", ast.unparse(named.node.value))
    else:
        queue = [root]
    queue += [word for word in TWO_HUMPS.findall(prose) if word in NAMES]
    queue += [name for name, other in NAMES.items() if root in other.bases]
    seen: list[str] = []
    while queue:
        name = queue.pop(0)
        if name in seen or name not in NAMES or name in COMMON:
            continue
        if not NAMES[name].doc:
            continue
        seen.append(name)
        words = words_of(NAMES[name])
        queue += [word for word in NAMES if word in words]  # in the order of the source
    return tuple(seen)


def contributed(found: Hook) -> list[Contribution[Any]]:
    """The contributions of the example, which is run as a module."""
    module = types.ModuleType("example")
    sys.modules["example"] = module  # pydantic looks up the module of its classes
    try:
        exec(compile(found.example, f"<example of {found.name}>", "exec"), vars(module))
        return list(getattr(module, found.name)())
    finally:
        del sys.modules["example"]


def users(name: str) -> Iterator[Path]:
    """Modules that implement a hook: the built-in ones, then those of the gallery."""
    places = (
        sorted((ROOT / "playground" / "hooks" / "builtins").rglob("*.py")),
        sorted((ROOT / "plugins").glob("*/src/**/*.py")),
    )
    for path in (path for place in places for path in place):
        if re.search(rf"^def {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            yield path


# ---------------------------------------------------------------- Markdown


def prose_of(text: str, page: str, home: dict[str, str], parameters: Iterable[str] = ()) -> str:
    """A docstring as Markdown: paragraphs stay, parameters become a list, names links."""
    lines: list[str] = []
    listed = False
    known = "|".join(map(re.escape, parameters)) or "(?!)"
    begins = re.compile(rf"((?:{known})(?:, (?:{known}))*): (.*)")
    for line in text.splitlines():
        if match := begins.fullmatch(line):
            if lines and lines[-1] and not listed:
                lines.append("")
            names = ", ".join(f"`{name}`" for name in match[1].split(", "))
            lines.append(f"- {names}: {match[2]}")
            listed = True
        elif listed and line.startswith(("Returns ", "Raises ")):
            lines += ["", line]
            listed = False
        elif listed and line:
            lines.append(f"  {line}")
        else:
            lines.append(line)
            listed = False
    return linked("\n".join(lines), page, home)


def linked(text: str, page: str, home: dict[str, str]) -> str:
    """Names as links to where they are explained, asterisks as themselves."""

    def link(match: re.Match[str]) -> str:
        name = match[0]
        if name not in home:
            return name
        where = "" if home[name] == page else home[name]
        return f"[{name}]({where}#{name.lower()})"

    parts = re.split(r"(``?.*?``?)", text, flags=re.DOTALL)
    for place in range(0, len(parts), 2):  # parts at odd places are code
        parts[place] = TWO_HUMPS.sub(link, parts[place]).replace("*", r"\*")
    return "".join(parts)


def section(name: str, page: str, home: dict[str, str]) -> str:
    """The part of a page about one name."""
    named = NAMES[name]
    node = named.node
    lines = [f"### {name}", ""]
    if isinstance(node, ast.ClassDef):
        if named.doc:
            lines += [prose_of(named.doc, page, home), ""]
        lines += table(node, page, home)
        for method in methods(node):
            parameters = [argument.arg for argument in all_arguments(method)]
            lines += [f"**`{signature(method, name)}`**", ""]
            lines += [prose_of(ast.get_docstring(method) or "", page, home, parameters), ""]
    elif isinstance(node, ast.FunctionDef):
        parameters = [argument.arg for argument in all_arguments(node)]
        arguments = re.sub(r"(: [^,=]+)=", r"\1 = ", ast.unparse(node.args))
        arguments = arguments.replace(", ", ",\n    ")
        lines += ["```python", f"{name}(\n    {arguments},\n)", "```", ""]
        lines += [prose_of(named.doc, page, home, parameters), ""]
    else:
        lines += ["```python", ast.unparse(node), "```", ""]
        lines += [prose_of(named.doc, page, home), ""] if named.doc else []
    text = "\n".join(lines)
    return re.sub(r"\n{3,}", "\n\n", text)


def all_arguments(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.args, *function.args.kwonlyargs]


def table(node: ast.ClassDef, page: str, home: dict[str, str]) -> list[str]:
    """The fields of a class, a row each."""
    rows = [
        f"| `{name}` | `{kind}` | {' '.join(linked(doc, page, home).split())} |".replace(
            f"`{kind}`", "`" + kind.replace("|", r"\|") + "`"
        )
        for name, kind, doc in fields(node)
        if name != "model_config"
    ]
    return ["| field | type | |", "|---|---|---|", *rows, ""] if rows else []


def checks(found: Hook) -> list[str]:
    """The checks of the contract kit for the example of the page."""
    rows = [
        f"| `{check.name}` | {plain(check.description)} |"
        for item in contributed(found)
        for check in contribution_checks(found.kind, item)
    ]
    if not rows:
        return []
    return [
        "## What the contract checks",
        "",
        "`playground.testing` holds a contribution to its word. These are the checks for the",
        "plugin above; for yours there may be more or fewer, as it has knobs and methods:",
        "",
        "| check | what is promised |",
        "|---|---|",
        *rows,
        "",
    ]


def plain(text: str) -> str:
    """Text escaped so that it stands in a table as it is."""
    return text.replace("|", r"\|").replace("*", r"\*")


def page_of(found: Hook, home: dict[str, str]) -> str:
    """The whole page of a hook."""
    page = f"{found.name}.md"
    lines = [
        MADE,
        f"# {found.name}",
        "",
        prose_of(found.prose, page, home),
        "",
        "Writing and trying a plugin is told in [Plugins](../plugins.md), what every hook yields",
        f"on [the page about all hooks]({INDEX}).",
        "",
        "## A complete plugin",
        "",
        f"```python\n{found.example}```",
        "",
        "## What it is made of",
        "",
        *(section(name, page, home) for name in found.about),
        *checks(found),
    ]
    links = [f"- [{path.relative_to(ROOT)}]({up(path)})" for path in users(found.name)]
    if links:
        lines += ["## Where to read one", "", *links, ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def up(path: Path) -> str:
    return f"../../{path.relative_to(ROOT).as_posix()}"


def index_of(hooks: list[Hook], home: dict[str, str]) -> str:
    """The page about all hooks."""
    rows = [
        f"| [{found.name}]({found.name}.md) | {KIND_WORDS[found.kind]} |"
        f" {', '.join(f'[{name}]({home[name]}#{name.lower()})' for name in roots(found))} |"
        for found in hooks
    ]
    guide = inspect.getdoc(specs) or ""
    lines = [
        MADE,
        "# The hooks",
        "",
        prose_of(guide.partition("\n\n")[2], INDEX, home),
        "How a plugin is written and tried is told in [Plugins](../plugins.md).",
        "",
        "| hook | contributes | its factory makes |",
        "|---|---|---|",
        *rows,
        "",
        "## What every hook yields",
        "",
        *(section(name, INDEX, home) for name in COMMON),
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def roots(found: Hook) -> list[str]:
    """The protocols that a contribution of this hook may follow."""
    wanted = re.search(r"Contribution\[(\w+)\]", str(getattr(specs, found.name).__annotations__))
    named = NAMES[wanted[1] if wanted else ""]
    if isinstance(named.node, ast.Assign):
        return re.findall(r"\w+", ast.unparse(named.node.value))
    return [named.name]


def pages() -> dict[str, str]:
    """Every page by its file name."""
    hooks = [hook(name) for name in HOOKS]
    home = dict.fromkeys(COMMON, INDEX)
    for found in hooks:
        for name in found.about:
            home.setdefault(name, f"{found.name}.md")
    made = {INDEX: index_of(hooks, home)}
    for found in hooks:
        here = home | dict.fromkeys(found.about, f"{found.name}.md")
        made[f"{found.name}.md"] = page_of(found, here)
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare; write nothing")
    check = parser.parse_args().check
    made = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    stale = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
    for name in stale:
        print(f"docs/hooks/{name}", "is not what the code says" if check else "written anew")
        if not check and name in made:
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / name).write_text(made[name], encoding="utf-8")
        elif not check:
            (FOLDER / name).unlink()
    if check and stale:
        print("make_hook_docs: run `make docs` and commit the pages", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
