"""Scripts of runs: each makes the losses and the samples of its record again, on every Python that
this machine has, with nothing installed."""

from __future__ import annotations

import ast
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microgpt.surgery import operation_of
from playground.api import ExportError, RunExport
from playground.hooks.builtins.script import Script, ScriptKnobs
from playground.hooks.builtins.script.notebook import Notebook
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.protocol.commands import Open
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.run import Recording
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.run.guard import Activity
from playground.lab.run.speed import Ration
from playground.lab.session import Session, open_session, with_changes
from playground.lab.spec import RunSpec
from playground.testing.made_up import run_exports
from tests.lab.conftest import WORDS, text_run

ROOT = Path(__file__).parents[3]
POEM = (
    "The owl and the pussy-cat\r\nwent to sea\r\n\r\nIn a beautiful pea-green boat,\r\n"
    "the owl's\r\n\r\nThey took some honey – and plenty of money\r\n"
)
HINDI = "नमस्ते दुनिया\nक्षत्रिय 👩‍👩‍👧 ok\nदुनिया don't नमस्ते\nनमस्ते ok\n"
TRIED = Sampling(
    chain=(
        Link("repetition-penalty", {"penalty": 3.0, "window": 2}),
        Link("temperature", {"temperature": 1.3}),
        Link("top-k", {"top_k": 9}),
        Link("top-p", {"top_p": 0.95}),
        Link("min-p", {"min_p": 0.3}),
        Link("greedy", {}, enabled=False),
    ),
    prompt="o",
    count=40,
    every=7,
    seed=11,
)
RUNNER = """
import io, json, sys, traceback
out = {}
for path in sys.argv[1:]:
    sys.stdout = text = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    argv, sys.argv = sys.argv, [path, "--exact"]
    with open(path, encoding="utf-8") as file:
        exec(compile(file.read(), path, "exec"), {"__name__": "__main__"})
    text.flush()
    out[path] = text.buffer.getvalue().decode()
    sys.stdout, sys.argv = sys.__stdout__, argv
print(json.dumps(out))
"""

Walk = Callable[[Session], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A run, and the script of it."""

    path: Path
    losses: list[float]
    texts: list[str]
    """The samples, batch by batch."""
    close: float
    """How far a loss may be from that of the record."""


class Maker:
    """Trains runs and exports their scripts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = load(PluginSources(entry_points=False))
        self.made: dict[str, Made] = {}

    def text(self, content: str, name: str = "words.txt") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode())
        return path

    def train(
        self,
        name: str,
        spec: RunSpec,
        steps: int = 15,
        *,
        sampling: Sampling | None = None,
        hand: dict[int, Walk] | None = None,
        close: float = 1e-12,
        **options: bool,
    ) -> None:
        observation = Observation(sampling=sampling or Sampling(every=5, count=2))
        session = Session.open(spec, self.registry, observation=observation)
        self.finish(name, session, steps, hand or {}, close, **options)

    def finish(
        self,
        name: str,
        session: Session,
        steps: int,
        hand: dict[int, Walk],
        close: float = 1e-12,
        **options: bool,
    ) -> None:
        while session.step < steps:
            hand.get(session.step, lambda _: None)(session)
            assert session.advance()
        hand.get(session.step, lambda _: None)(session)
        session.sample()
        sampling = session.observation.sampling
        session.observe(dataclasses.replace(sampling, count=1))
        session.sample()
        session.observe(sampling)
        path = self.folder / f"{name.replace(' ', '_')}.py"
        session.export(str(path), "script", options)
        losses = list(session.frame().metrics.losses)
        assert len(losses) == steps
        texts = [text.text for batch in session.texts.batches for text in batch.texts]
        self.made[name] = Made(path, losses, texts, close)
        session.close()


def cut(*words: str) -> Walk:
    return lambda session: session.training.operate([operation_of(one) for one in words])


def held(*words: str) -> Walk:
    return lambda session: session.training.hold([operation_of(one) for one in words])


def rate(value: float) -> Walk:
    return lambda session: session.training.set_rate(value)


def without(*parts: str) -> dict[str, Any]:
    left = [
        one for one in ("attention", "mlp", "positions", "norm", "residual") if one not in parts
    ]
    return {"model": {"n_embd": 8, "n_head": 2, "n_layer": 2, "block_size": 8, "parts": left}}


def file_of(path: Path, **options: Any) -> dict[str, Any]:
    return {"dataset": {"name": "text-file", "options": {"path": str(path), **options}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Made]]:
    """The runs by what is special about each."""
    maker = Maker(tmp_path_factory.mktemp("scripts"))
    words = maker.text("\n".join([*WORDS, "owl", "owl", "ibis"]) + "\n")
    poem, hindi = maker.text(POEM, "poem.txt"), maker.text("\ufeff" + HINDI, "hindi.txt")
    big = maker.text(
        "\r\n".join(f"{a}{b}{c}" for a in WORDS for b in WORDS for c in WORDS), "big.txt"
    )
    assert big.stat().st_size > 64 * 1024

    def spec(path: Path = words, **changes: Any) -> RunSpec:
        return text_run(path, **{"steps": 60, **changes})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ration, "BEGINNING", 1e9)  # every sample is made, however busy the machine
        maker.train("names", RunSpec(steps=8), 8)
        maker.train("a large text", spec(big), 6)
        maker.train("repeats and batches", spec(holdout=0.3, batch_size=3))
        maker.train("nothing held out", spec(holdout=0.0))
        maker.train(
            "bytes of paragraphs",
            spec(**file_of(poem, split="paragraphs"), tokenizer={"name": "byte"}),
        )
        maker.train(
            "words of windows",
            spec(
                **file_of(poem, split="windows", window=20),
                tokenizer={"name": "word"},
                schedule={"name": "constant"},
                holdout_by="row",
            ),
        )
        maker.train("words with marks", spec(hindi, tokenizer={"name": "word"}, holdout=0.5))
        maker.train(
            "cosine and rates by hand",
            spec(schedule={"name": "cosine", "options": {"warmup": 4, "floor": 0.1}}),
            hand={3: rate(0.03), 9: rate(0.002)},
        )
        maker.train(
            "cut, set, held and released",
            spec(),
            hand={
                0: cut("neuron:0.3"),
                2: cut("head:0.1", "weight:wte[3,2]=0.25"),
                5: held("neuron:0.7", "position:1=0.5"),
                8: cut("matrix:layer0.attn_wv", "position:1"),
                11: held(),
                15: cut("token:2"),
            },
        )
        maker.train("no attention", spec(**without("attention", "positions")))
        maker.train("no mlp", spec(**without("mlp", "norm")))
        maker.train("no residual", spec(**without("residual")))
        maker.train("no residual and norm", spec(**without("residual", "norm", "positions")), 8)
        sgd = {"name": "sgd", "learning_rate": 0.3}
        maker.train("SGD", spec(optimizer=sgd, batch_size=2, **without("attention", "mlp")))
        eager = spec(optimizer={"learning_rate": 0.1})
        maker.train("a chain of strategies", eager, sampling=TRIED)
        links = Link("repetition-penalty", {"penalty": 2.5}), Link("top-p", {"top_p": 0.6})
        repeating = dataclasses.replace(TRIED, chain=links, prompt="")
        maker.train("a penalty and top-p", eager, sampling=repeating)
        greedy = dataclasses.replace(TRIED, chain=(Link("greedy"),), prompt="", every=0)
        maker.train("greedy, with weights", spec(), sampling=greedy, with_weights=True)
        maker.train("left out, with weights", spec(**without("mlp")), with_weights=True)
        scalar = spec(engine="scalar", **without())
        maker.train("the scalar engine", scalar, 4, sampling=Sampling(every=0))
        store = maker.folder / "runs.sqlite"
        first = Open(spec().to_json(), recording=Recording(str(store)))
        session = open_session(first, maker.registry, lambda _: None, Activity())
        maker.finish("the first of three", session, 12, {4: rate(0.02)})
        for number, at, changes in (
            (1, 6, {"optimizer.learning_rate": 0.05, "steps": 30}),
            (2, 9, {"schedule": {"name": "constant"}, "batch_size": 2, "seed": 3}),
        ):
            command = Open("", recording=Recording(str(store), run=number))
            command = with_changes(
                command, changes, maker.registry, lambda _: None, Activity(), at=at
            )
            session = open_session(command, maker.registry, lambda _: None, Activity())
            session.texts.batches.clear()  # those before the fork are the parent's
            maker.finish(f"a fork of run {number}", session, 14, {})
    yield maker.made


def pythons() -> list[str]:
    found = subprocess.run(
        ["sh", str(ROOT / "tools" / "pythons.sh")], capture_output=True, text=True, check=False
    )
    return found.stdout.split() or [sys.executable]


@pytest.mark.parametrize("python", pythons())
def test_scripts_make_the_losses_and_samples_of_their_records(
    made: dict[str, Made], python: str
) -> None:
    paths = [str(one.path) for one in made.values()]
    done = subprocess.run(
        [python, "-I", "-S", "-c", RUNNER, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    printed = json.loads(done.stdout)
    for name, one in made.items():
        losses, texts = parsed(printed[str(one.path)])
        if "with weights" in name:
            assert losses == [] and texts == one.texts[-len(texts) :], name
            continue
        assert len(losses) == len(one.losses), name
        furthest = max(map(abs, map(float.__sub__, losses, one.losses)))
        assert furthest <= one.close, f"{name}: {furthest}"
        if "fork" in name:
            texts = texts[-len(one.texts) :]
        assert texts == one.texts, name


def test_a_script_is_short_and_names_what_it_learns_from(made: dict[str, Made]) -> None:
    for name, one in made.items():
        lines = one.path.read_text(encoding="utf-8").splitlines()
        assert len(lines) < 400, name
        long = [line for line in lines if len(line) > 100]
        assert all(line.startswith(("TEXT", "WEIGHTS", "uchars", '    "')) for line in long), name
    names = made["names"].path.read_text()
    assert "learns from names.txt" in names and "uchars" in names
    assert "batch_size" not in names and 'utf-8")' not in names, "nothing that it does not use"
    assert "microgpt-play train --steps 8" in names


def test_a_text_that_is_gone_or_another_is_named(made: dict[str, Made], tmp_path: Path) -> None:
    path = made["a large text"].path
    for content, said in ((None, "cannot be read"), ("other", "holds another text")):
        other = tmp_path / "other.txt"
        if content:
            other.write_text(content)
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(path), str(other)], capture_output=True, text=True
        )
        assert done.returncode == 1 and done.stdout == ""
        assert said in done.stderr and "learnt from big.txt" in done.stderr
        assert "SHA-256" in done.stderr and "Traceback" not in done.stderr


def exported(run: RunExport, folder: Path, **options: Any) -> str:
    path = folder / "run.py"
    Script(ScriptKnobs(**options)).export(run, path, lambda *_: None)
    return path.read_text(encoding="utf-8")


def assigned(source: str, name: str) -> Any:
    """The value of the literal that the script gives a name."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)


EVIL = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("\"'\\\n\r\x0c\x1b\u2028\u202e\u200d#@{}"),
    ),
    min_size=1,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=EVIL, name=EVIL, how=EVIL)
def test_nothing_that_others_wrote_becomes_code(
    tmp_path: Path, text: str, name: str, how: str
) -> None:
    plain = run_exports()["a run of 100 steps"]
    run = dataclasses.replace(
        plain, spec={**plain.spec, "holdout": 0.0}, sampling={**plain.sampling, "prompt": "b"}
    )
    plain = exported(run, tmp_path, with_weights=True)
    text = f"a{text.replace(chr(0), '')}\nb\n"
    data = run.data()
    source = dataclasses.replace(
        data.text, name=name, path=name, sha256=name, read=lambda: text.encode()
    )
    run = dataclasses.replace(
        run,
        run_name=name,
        how=how,
        sampling={**run.sampling, "prompt": name},
        tokenizer={"type": "char", "characters": ["a", *text]},
        data=lambda: dataclasses.replace(data, text=source, encode=lambda _: []),
    )
    made = exported(run, tmp_path, with_weights=True)
    wanted = text.replace("\r\n", "\n").replace("\r", "\n")
    assert assigned(made, "TEXT") == wanted
    assert skeleton(made) == skeleton(plain)
    hidden = [one for one in made if not one.isprintable() and one != "\n"]
    assert not hidden, "nothing hides, and no reading is turned"


def skeleton(source: str) -> str:
    """The program without its texts and numbers."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = ""
        if isinstance(node, ast.List) and all(isinstance(one, ast.Constant) for one in node.elts):
            node.elts = []
    return ast.dump(tree)


def test_a_notebook_has_the_script_in_cells_and_no_markup_of_others(tmp_path: Path) -> None:
    name = "<script>alert(1)</script> # [x](y)\n# z"
    run = dataclasses.replace(run_exports()["a run of 100 steps"], run_name=name)
    made = []
    for path in (tmp_path / "one.ipynb", tmp_path / "two.ipynb"):
        Notebook().export(run, path, lambda *_: None)
        made.append(path.read_bytes())
    assert made[0] == made[1], "the same run, the same file"
    cells = [(one["cell_type"], "".join(one["source"])) for one in json.loads(made[0])["cells"]]
    (_, words), *others = cells
    assert "\\<script\\>" in words and "\\[x\\]\\(y\\)" in words and "\n# z" not in words
    headings = [text for kind, text in others if kind == "markdown"]
    assert headings[1] == "## The data set" and headings[-1] == "## What it writes"
    code = "\n".join(text for kind, text in others if kind == "code")
    assert "sys" not in code and "plt.plot" in code and assigned(code, "EXACT") is False
    functions = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)}
    assert functions >= {"forward", "backward", "adam", "train", "sample"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"spec": {"tokenizer": {"name": "bpe", "options": {}}}}, "tokenizer is bpe"),
        ({"spec": {"dataset": {"name": "mine:names", "options": {}}}}, "data set is mine:names"),
        ({"spec": {"schedule": {"name": "one-cycle", "options": {}}}}, "schedule is one-cycle"),
        ({"sampling": {"chain": [{"name": "typical", "options": {}}]}}, "strategy is typical"),
        ({"precision": "float32"}, "computed in float32"),
        ({"precision": ""}, "not there to say"),
        ({"history": [{"step": 9, "field": "unknown", "value": "its past is gone"}]}, "Its past"),
        ({"history": [{"step": 9, "field": "model.n_embd", "value": 8}]}, "model.n_embd changed"),
    ],
)
def test_what_no_script_can_repeat_is_refused_in_words(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    run = run_exports()["a run of 100 steps"]
    for name in ("spec", "sampling"):
        if name in change:
            change = {**change, name: {**getattr(run, name), **change[name]}}
    with pytest.raises(ExportError, match=said) as caught:
        exported(dataclasses.replace(run, **change), tmp_path)
    assert caught.value.title == "A script cannot make this run again"
    assert caught.value.message.endswith(".") and caught.value.message.count(". ") >= 1
    assert not (tmp_path / "run.py").exists()


def parsed(printed: str) -> tuple[list[float], list[str]]:
    losses, texts = [], []
    for line in printed.splitlines():
        head, rest = line.split(" ", 1)
        if head == "sample":
            texts.append(ast.literal_eval(rest.partition(": ")[2]))
        else:
            assert int(head) == len(losses) + 1
            losses.append(float(rest))
    return losses, texts
