"""One bad plugin costs itself and nobody else; what happened is said."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from playground.catalog import Problem
from playground.hooks.manager import MAX_CONTRIBUTIONS, load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources

GOOD = """
@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="fine", summary="it works", factory=Same)
"""


def only_problem(registry: Registry) -> Problem:
    """The one problem; and the built-ins are all there."""
    assert len(registry.catalog().entries) >= 13
    assert len(registry.problems) == 1, registry.problems
    return registry.problems[0]


def mine(registry: Registry) -> list[str]:
    return [entry.name for entry in registry.catalog().entries if entry.plugin != "builtin"]


def test_the_builtins_load_alone():
    registry = load(PluginSources(entry_points=False))
    assert registry.problems == ()
    (plugin,) = registry.plugins
    assert (plugin.name, plugin.state) == ("builtin", "loaded")
    assert plugin.contributions == len(registry.catalog().entries) >= 13
    assert plugin.seconds > 0


def test_a_file_contributes(load_plugin):
    registry = load_plugin(GOOD)
    assert registry.problems == () and mine(registry) == ["fine"]
    entry = registry.entry("strategy", "fine")
    assert (entry.plugin, entry.qualified) == ("mine", "mine:fine")
    assert entry.origin.endswith("mine.py")


def test_a_syntax_error_is_named_with_file_line_and_text(load_plugin):
    problem = only_problem(load_plugin("def broken(:\n    pass\n", head=""))
    assert problem.stage == "import" and problem.plugin == "mine"
    assert "mine.py, line 1: 'def broken(:'" in problem.message
    assert "importlib" not in problem.detail


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import no_such_module_anywhere", "no_such_module_anywhere"),
        ("raise SystemExit(3)", "tried to end the program (3)"),
        ("1 / 0", "ZeroDivisionError"),
        ("class Odd(BaseException): pass\nraise Odd('panic')", "Odd: panic"),
        ("def again(): again()\nagain()", "RecursionError"),
    ],
)
def test_what_fails_at_import_is_kept_with_its_traceback(load_plugin, body, said):
    registry = load_plugin(body, head="")
    problem = only_problem(registry)
    assert problem.stage == "import" and said in problem.message
    assert "mine.py" in problem.detail and "playground/hooks" not in problem.detail
    assert registry.plugins[-1].state == "failed"


def test_nul_bytes_and_latin_1_in_a_source_are_survived(tmp_path: Path):
    (tmp_path / "nul.py").write_bytes(b"x = \x00 1")
    (tmp_path / "latin.py").write_bytes("# caf\xe9\n".encode("latin-1"))
    registry = load(PluginSources(folder=str(tmp_path), entry_points=False))
    assert [problem.plugin for problem in registry.problems] == ["latin", "nul"]


def test_an_exception_with_a_broken_message_is_survived(load_plugin):
    problem = only_problem(
        load_plugin(
            """
            class Mute(Exception):
                def __str__(self):
                    raise RuntimeError("no words")
            raise Mute()
            """
        )
    )
    assert problem.message.startswith("Mute: (its message cannot be shown")


def test_the_keyboard_still_interrupts(write_plugin):
    path = write_plugin("import signal; signal.raise_signal(signal.SIGINT)")
    with pytest.raises(KeyboardInterrupt):
        load(PluginSources(files=(str(path),), entry_points=False))


def test_a_failed_import_leaves_no_module_behind(load_plugin):
    before = set(sys.modules)
    load_plugin("1 / 0")
    assert set(sys.modules) == before


# ---------------------------------------------------------------- hooks


def test_a_hook_that_raises_costs_its_own_contributions_only(load_plugin):
    registry = load_plugin(
        GOOD
        + """
@hookimpl
def microgpt_tokenizers():
    raise LookupError("nothing there")
"""
    )
    problem = only_problem(registry)
    assert problem.stage == "hook" and mine(registry) == ["fine"]
    assert problem.message == "microgpt_tokenizers: LookupError: nothing there"


@pytest.mark.parametrize("raised", ["ValueError('midway')", "SystemExit('midway')"])
def test_a_generator_that_raises_keeps_what_it_had_given(load_plugin, raised):
    registry = load_plugin(GOOD + f"    raise {raised}\n")
    assert "midway" in only_problem(registry).message and mine(registry) == ["fine"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return None", "returned nothing"),
        ("return 3", "returned 3"),
        ("return 'text'", "returned 'text'"),
        ("return Contribution(name='a', summary='', factory=Same)", "in a list"),
        ("return [3]", "a Contribution is expected, not 3"),
        ("yield Same", "a Contribution is expected"),
    ],
)
def test_what_is_no_list_of_contributions_is_named(load_plugin, body, said):
    problem = only_problem(
        load_plugin(f"@hookimpl\ndef microgpt_sampling_strategies():\n    {body}\n")
    )
    assert said in problem.message


def test_an_async_hook_is_refused_without_a_warning(load_plugin, recwarn):
    registry = load_plugin("@hookimpl\nasync def microgpt_datasets():\n    return []\n")
    assert "async" in only_problem(registry).message
    assert not recwarn.list


def test_a_generator_without_end_is_not_waited_for(load_plugin):
    registry = load_plugin(
        """
        @hookimpl
        def microgpt_sampling_strategies():
            count = 0
            while True:
                count += 1
                yield Contribution(name=f"s{count}", summary="", factory=Same)
        """
    )
    assert "more than" in only_problem(registry).message
    assert len(mine(registry)) == MAX_CONTRIBUTIONS


def test_an_unknown_hook_gets_a_suggestion(load_plugin):
    registry = load_plugin(GOOD + "@hookimpl\ndef microgpt_tokenizer(): return []\n")
    problem = only_problem(registry)
    assert problem.message == (
        "there is no hook 'microgpt_tokenizer'; did you mean 'microgpt_tokenizers'?"
    )
    assert mine(registry) == ["fine"]


def test_a_hook_without_its_marker_is_said(load_plugin):
    problem = only_problem(load_plugin(GOOD.replace("@hookimpl", "")))
    assert "not marked" in problem.message and "@hookimpl" in problem.message


def test_hook_arguments_and_wrappers_are_refused_alone(load_plugin):
    registry = load_plugin(
        GOOD
        + "@hookimpl\ndef microgpt_tokenizers(config): return []\n"
        + "@hookimpl(wrapper=True)\ndef microgpt_datasets():\n    return (yield)\n"
    )
    said = sorted(problem.message for problem in registry.problems)
    assert len(said) == 2 and mine(registry) == ["fine"]
    assert "wrapper" in said[0] and "takes no arguments" in said[1] and "config" in said[1]


def test_a_hook_under_another_name_is_found(load_plugin):
    registry = load_plugin(
        """
        @hookimpl(specname="microgpt_sampling_strategies")
        def whatever():
            return [Contribution(name="named", summary="", factory=Same)]
        """
    )
    assert registry.problems == () and mine(registry) == ["named"]


def test_a_plugin_without_hooks_is_said(load_plugin):
    assert "no hook function" in only_problem(load_plugin("x = 1")).message


def test_a_module_that_hides_its_names_is_survived(load_plugin):
    problem = only_problem(load_plugin(GOOD + "def __dir__(): raise OSError('hidden')\n"))
    assert problem.stage == "hook" and "hidden" in problem.message


def test_tracebacks_hold_no_terminal_codes(load_plugin):
    problem = only_problem(load_plugin("raise ValueError('a\\x1b[2Jb')"))
    assert "\x1b" not in problem.message + problem.detail


# ---------------------------------------------------------------- sources


def test_the_folder_is_read_in_order_and_private_names_left_alone(write_plugin, tmp_path: Path):
    for name in ("b.py", "a.py", "_c.py", ".d.py", "pack/__init__.py", "empty/x.txt", "e.txt"):
        write_plugin(GOOD, name)
    registry = load(PluginSources(folder=str(tmp_path), entry_points=False))
    assert [plugin.name for plugin in registry.plugins] == ["builtin", "a", "b", "pack"]
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_package_may_import_its_own_parts(write_plugin, tmp_path: Path):
    write_plugin("NAME = 'inner'", "pack/part.py", head="")
    write_plugin(
        GOOD.replace('"fine"', "NAME").replace("@", "from .part import NAME\n@"), "pack/__init__.py"
    )
    registry = load(PluginSources(folder=str(tmp_path), entry_points=False))
    assert registry.problems == () and mine(registry) == ["inner"]


def test_a_plugin_named_like_the_standard_library_does_no_harm(load_plugin):
    path = list(sys.path)
    registry = load_plugin("import random as real\nreal.Random(1)\n" + GOOD, "random.py")
    assert registry.problems == () and mine(registry) == ["fine"]
    assert sys.modules["random"] is random and sys.path == path


def test_dataclasses_and_pickle_work_in_a_plugin(load_plugin):
    registry = load_plugin(
        GOOD
        + """
import dataclasses, pickle
@dataclasses.dataclass
class Pair:
    a: "int"
assert pickle.loads(pickle.dumps(Pair(1))) == Pair(1)
"""
    )
    assert registry.problems == ()


def test_a_file_saved_again_at_once_is_read_again(write_plugin):
    for name in ("one", "two"):  # same size, same second: stale bytecode would win
        path = write_plugin(GOOD.replace("fine", name))
        registry = load(PluginSources(files=(str(path),), entry_points=False))
        assert mine(registry) == [name]


def test_what_is_not_there_or_no_plugin_is_said(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    files = (str(tmp_path / "gone.py"), str(tmp_path / "folder"))
    registry = load(PluginSources(files=files, entry_points=False))
    said = [problem.message for problem in registry.problems]
    assert "there is no file" in said[0] and "without __init__.py" in said[1]


def test_a_plugin_folder_that_is_missing_is_empty_and_one_that_is_a_file_is_said(tmp_path: Path):
    gone = load(PluginSources(folder=str(tmp_path / "gone"), entry_points=False))
    assert gone.problems == ()
    (tmp_path / "file").write_text("")
    problem = only_problem(load(PluginSources(folder=str(tmp_path / "file"), entry_points=False)))
    assert "Not a directory" in problem.message and "Put a folder there" in problem.message


def test_the_same_file_given_twice_loads_once(write_plugin, tmp_path: Path):
    path = write_plugin(GOOD)
    registry = load(
        PluginSources(files=(str(path), str(path)), folder=str(tmp_path), entry_points=False)
    )
    assert registry.problems == () and mine(registry) == ["fine"]


def test_two_plugins_of_one_name_get_two_names(write_plugin):
    paths = [str(write_plugin(GOOD, f"{where}/mine.py")) for where in ("a", "b")]
    registry = load(PluginSources(files=tuple(paths), entry_points=False))
    assert [plugin.name for plugin in registry.plugins] == ["builtin", "mine", "mine-2"]
    said = [problem.message for problem in registry.problems if problem.stage == "clash"]
    assert "this one is called 'mine-2'" in said[0]
    assert paths[0] in said[0] or Path(paths[0]).name in said[0]


def test_a_file_cannot_pass_for_a_builtin(load_plugin):
    registry = load_plugin(GOOD, "builtin.py")
    assert registry.entry("strategy", "fine").plugin == "builtin-2"


def test_file_names_are_made_fit_for_a_screen(load_plugin):
    registry = load_plugin(GOOD, "[red]my plug\x1bin.py")
    entry = registry.entry("strategy", "fine")
    assert entry.plugin == "red-my-plug-in" and entry.origin.isprintable()


@pytest.mark.parametrize("how", ["stem", "path"])
def test_a_disabled_plugin_is_not_even_imported(write_plugin, how):
    path = write_plugin("raise SystemExit")
    name = "mine" if how == "stem" else str(path)
    registry = load(PluginSources(files=(str(path),), entry_points=False, disabled=(name,)))
    assert registry.problems == ()
    assert [(p.name, p.state) for p in registry.plugins][1:] == [("mine", "disabled")]


def test_clashes_are_said_and_both_stay_reachable(write_plugin):
    files = tuple(
        str(write_plugin(GOOD + GOOD.splitlines()[-1].replace("fine", "min-p"), f"{name}.py"))
        for name in ("a", "b")
    )
    registry = load(PluginSources(files=files, entry_points=False))
    clashes = [(p.plugin, p.message) for p in registry.problems if p.stage == "clash"]
    assert [plugin for plugin, _ in clashes] == ["a", "b", "b"]
    assert "the bare name means the built-in one" in clashes[0][1]
    assert registry.entry("strategy", "min-p").plugin == "builtin"
    assert registry.entry("strategy", "a:min-p").plugin == "a"
    assert registry.entry("strategy", "b:fine").plugin == "b"
    with pytest.raises(LookupError, match=r"ambiguous: it comes from 'a' .* and 'b'"):
        registry.entry("strategy", "fine")
    assert registry.catalog().find("strategy", "fine") is None


def test_names_and_errors_come_without_pydantic_or_pluggy():
    code = (
        "import sys, playground.hooks.lookup, playground.hooks.sources, playground.hooks.errors\n"
        "print([m for m in ('pydantic', 'pluggy', 'textual') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
