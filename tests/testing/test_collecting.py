"""From a plugin's module to its checks, with pytest and without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from microgpt import VectorEngine
from playground.api import Contribution, hookimpl
from playground.catalog import KINDS
from playground.testing import (
    checks_of,
    contract_tests,
    contribution_checks,
    engine_checks,
    run_checks,
    smoke_checks,
)

ROOT = Path(__file__).parents[2]
FAST = Contribution("fast", "an engine", VectorEngine)
FASTER = Contribution("faster", "another", VectorEngine)


def module(**members) -> ModuleType:
    """A plugin module with these functions."""
    made = ModuleType("plugins.mine")
    for name, member in members.items():
        member.__module__ = made.__name__
        setattr(made, name, member)
    return made


def engines(*contributions):
    def microgpt_engines():
        yield from contributions

    return microgpt_engines


def first_finding(plugin: ModuleType):
    """The finding about the module itself."""
    check = checks_of(plugin)[0]
    assert str(check) == "mine-hooks"
    (finding,) = run_checks([check])
    return finding


def test_every_contribution_is_held_to_every_check():
    checks = checks_of(module(microgpt_engines=hookimpl(engines(FAST, FASTER))))
    contract = [check.name for check in engine_checks(VectorEngine)]
    expected = [f"{name}-{check}" for name in ("fast", "faster") for check in contract]
    assert [str(check) for check in checks] == ["mine-hooks", *expected]
    assert checks_of([FAST])[0].subject == "fast"
    assert len(checks_of([FAST, FASTER])) == 2 * len(contract)


def test_a_hook_may_have_another_name_than_its_function():
    plugin = module(declare=hookimpl(specname="microgpt_engines")(engines(FAST)))
    assert first_finding(plugin).passed
    assert len(checks_of(plugin)) > 20


def test_each_hook_has_the_contract_of_its_kind():
    plugin = module(microgpt_tokenizers=hookimpl(engines(FAST)))
    names = [check.name for check in checks_of(plugin)]
    assert names[0] == "hooks"
    assert "round-trip" in names
    assert "adam" not in names
    assert first_finding(plugin).passed


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_contract_and_a_smoke_test_of_the_same_checks(kind):
    every = {check.name: check for check in contribution_checks(kind, FAST)}
    smoke = [check.name for check in smoke_checks(kind, FAST)]
    assert len(smoke) >= 3
    assert smoke == [name for name, check in every.items() if check.smoke]


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (module(), "there is none"),
        (module(microgpt_engines=engines(FAST)), "put @hookimpl above it"),
        (module(microgpt_engine=hookimpl(engines(FAST))), "microgpt_engine is none"),
        (module(microgpt_engines=hookimpl(engines(VectorEngine))), "gave a type"),
        (module(microgpt_engines=hookimpl(lambda: None)), "yield Contributions"),
        (module(microgpt_engines=hookimpl(lambda: 1 / 0)), "raised ZeroDivisionError"),
    ],
    ids=["empty", "unmarked", "misnamed", "no contribution", "nothing", "raises"],
)
def test_a_module_that_declares_nothing_rightly_is_told_so(plugin, message):
    finding = first_finding(plugin)
    assert finding.outcome == "failed"
    assert message in finding.message


def test_an_unmarked_hook_is_tested_all_the_same():
    assert len(checks_of(module(microgpt_engines=engines(FAST)))) > 20


PLUGIN = """
from microgpt import VectorEngine
from playground.api import Contribution, hookimpl

class NoneForNone(VectorEngine):
    def losses(self, documents):
        return super().losses(documents) if documents else None

@hookimpl
def microgpt_engines():
    yield Contribution(name="mine", summary="...", factory=NoneForNone)
"""

TESTS = """
import my_plugin
from playground.testing import contract_tests

test_contract = contract_tests(my_plugin)
"""


def run_python(*arguments: str, cwd: Path = ROOT) -> str:
    """The output of a Python that finds this source tree, and the modules of `cwd`."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(cwd)])},
    )
    return done.stdout + done.stderr


def test_pytest_runs_one_test_for_every_check(tmp_path):
    (tmp_path / "my_plugin.py").write_text(PLUGIN)
    (tmp_path / "test_my_plugin.py").write_text(TESTS)
    words = "touch-nothing or prepare or hooks or is-an-engine"
    options = ["-v", "-rs", "-p", "no:cacheprovider", "--color=no"]
    output = run_python("-m", "pytest", *options, "-k", words, cwd=tmp_path)
    assert "test_contract[my_plugin-hooks] PASSED" in output
    assert "test_contract[mine-losses-touch-nothing] FAILED" in output
    assert "Found: losses([]) is None. To do: give a list" in output
    assert "the engine has no prepare" in output
    assert "1 failed, 2 passed, 1 skipped" in output


def test_the_kit_needs_no_test_framework_and_nothing_above_it():
    script = (
        "import sys, playground.testing\n"
        "above = ('pytest', 'hypothesis', 'numpy', 'textual', 'playground.hooks',"
        " 'playground.lab', 'playground.tui', 'playground.cli')\n"
        "print([name for name in above if name in sys.modules])"
    )
    assert run_python("-c", script) == "[]\n"


def test_contract_tests_take_contributions_too():
    assert callable(contract_tests([FAST]))
