"""What a script must do to make a run again, read out of a RunExport."""

from __future__ import annotations

import base64
import re
import struct
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from microgpt.config import PARTS, ConfigError, ModelConfig, ModelPart
from microgpt.documents import (
    DocumentsError,
    default_names_path,
    split_lines,
    split_paragraphs,
    split_windows,
    text_in,
)
from microgpt.parameters import MatrixSpec, parameter_layout
from microgpt.surgery import Component, Operation, component_of, done, weights_of
from microgpt.tidy import in_known_form
from playground.api import ExportError, RunData, RunExport, UnknownTextError
from playground.catalog import BUILTIN
from playground.hooks.builtins.schedules import CosineKnobs
from playground.hooks.builtins.script.chain import STRATEGIES, UNKNOWN, link_of
from playground.hooks.builtins.script.template import in_words, literal, literal_text
from playground.hooks.builtins.tokenizers import PIECES, is_cut_simply
from playground.hooks.sources import expanded

EMBEDDED = 64 * 1024
"""Bytes of the largest text that is put into the script; a larger one is named by its path."""
MOST_WEIGHTS = 1_000_000
"""The most numbers of a model that are put into a script: eleven megabytes of source."""

_MOST_AT_THE_END = 5
"""Batches that were asked for at the last step, at most."""
_ELSEWHERE = (
    "`microgpt-play runs export` writes the whole run into a file, with which it goes on where "
    "the plugin is installed."
)
_SETTINGS = {
    "steps": "num_steps",
    "batch_size": "batch_size",
    "optimizer.learning_rate": "learning_rate",
    "optimizer.beta1": "beta1",
    "optimizer.beta2": "beta2",
    "optimizer.eps": "eps",
}
"""The names in the script of settings that may change in mid-run."""
_NOTHING_TO_DO = frozenset({"engine", "eval_every"})
"""Settings on which the losses do not depend."""
_SCHEDULES = {"linear": "linear_decay", "constant": "constant", "cosine": "cosine"}
_MATRICES_OF: Mapping[ModelPart, str] = {"attention": ".attn_", "mlp": ".mlp_", "positions": "wpe"}
_CUT = {
    "lines": "one in each line",
    "paragraphs": "paragraphs, with blank lines between them",
    "windows": "pieces of one length",
}


@dataclass(slots=True)
class Plan:
    """The script of a run, before it is put together."""

    facts: set[str] = field(default_factory=set)
    """What holds, for the conditions of the template."""
    values: dict[str, str] = field(default_factory=dict)
    """Source text by the name that the template has for it."""


def plan_of(run: RunExport, *, with_weights: bool = False, notebook: bool = False) -> Plan:
    """Raises ExportError for a run that a script cannot make again, which says why."""
    _check_precision(run)
    settings = _at_first(run)
    plan = Plan({"notebook"} if notebook else {"script"})
    _settings(plan, run, settings)
    config = _model(plan, run, settings)
    data = run.data()
    _data(plan, settings, data)
    _tokenizer(plan, run, settings)
    _training(plan, run, settings, config)
    _sampling(plan, run, data)
    if with_weights:
        _weights(plan, run, config)
    _about(plan, run, data)
    return plan


def _refused(why: str, what_to_do: str) -> ExportError:
    return ExportError("A script cannot make this run again", f"{why}. {what_to_do}")


def _check_precision(run: RunExport) -> None:
    if run.precision == "float64":
        return
    if not run.precision:
        raise _refused(
            "An engine that made some of its steps is not there to say how exactly it computes",
            "Install the plugin, or go on with the vector engine from a step before.",
        )
    raise _refused(
        f"An engine of it computed in {in_words(run.precision, 20)}, and the script computes in "
        "float64",
        "Train it again with the vector engine, and export that run.",
    )


def _at_first(run: RunExport) -> dict[str, Any]:
    """The settings that the run began with, by dotted name. Raises ExportError."""
    settings: dict[str, Any] = {}
    for name, value in run.spec.items():
        if name in ("model", "optimizer"):
            settings |= {f"{name}.{key}": one for key, one in value.items()}
        else:
            settings[name] = value
    for change in run.history:
        if change["field"] == "unknown":
            raise _refused(
                f"{in_words(str(change['value']))[:1].upper()}{in_words(str(change['value']))[1:]}",
                "The run that it was forked from is needed, in the record of this machine.",
            )
        if change["step"] == 0 and change["field"] not in ("surgery", "hold"):
            settings[change["field"]] = change["value"]
    return settings


def _later(run: RunExport) -> Iterator[tuple[int, str, Any]]:
    """(step, name, value) of the settings that changed after step 0."""
    for change in run.history:
        if change["step"] > 0 and change["field"] not in ("surgery", "hold"):
            yield int(change["step"]), str(change["field"]), change["value"]


def _built_in(choice: Mapping[str, Any], known: Iterable[str], what: str) -> str:
    """The name of a built-in contribution. Raises ExportError for one of a plugin."""
    name = str(choice["name"]).removeprefix(f"{BUILTIN}:")
    if name not in known:
        raise _refused(
            f"Its {what} is {in_words(name, 60)}, which a plugin brought, and the script is plain "
            "Python without plugins",
            _ELSEWHERE,
        )
    return name


# ---------------------------------------------------------------- settings and model


def _settings(plan: Plan, run: RunExport, settings: Mapping[str, Any]) -> None:
    num_steps = int(settings["steps"])
    plan.values |= {
        "seed": literal(int(settings["seed"])),
        "num_steps": literal(num_steps),
        "last_step": literal(int(run.step) or num_steps),
        "learning_rate": literal(float(settings["optimizer.learning_rate"])),
        "batch_size": literal(int(settings["batch_size"])),
        "holdout": literal(float(settings["holdout"])),
    }
    for name in ("beta1", "beta2", "eps"):
        plan.values[name] = literal(float(settings[f"optimizer.{name}"]))
    plan.facts.add("sgd" if settings["optimizer.name"] == "sgd" else "adam")


def _model(plan: Plan, run: RunExport, settings: Mapping[str, Any]) -> ModelConfig:
    rows = next(iter(run.matrices.values()))[0] if run.matrices else 0
    parts = tuple(settings.get("model.parts", PARTS))
    sizes = {
        name: int(settings[f"model.{name}"])
        for name in ("n_embd", "n_head", "n_layer", "block_size")
    }
    try:
        config = ModelConfig(rows, parts=parts, **sizes)
    except ConfigError as error:
        raise _refused(
            f"The settings of its model cannot be: {in_words(str(error))}", ""
        ) from error
    plan.facts |= set(config.parts)
    plan.values |= {name: literal(value) for name, value in sizes.items()}
    plan.values["scale"] = literal(config.head_dim**-0.5)
    without = [_MATRICES_OF[part] for part in config.left_out if part in _MATRICES_OF]
    plan.values["left_out"] = ""
    if without:
        plan.facts.add("left_out")
        tests = " or ".join(f"{literal(one)} in name" for one in without)
        plan.values["left_out"] = f"LEFT_OUT = [name for name in SHAPES if {tests}]"
    return config


# ---------------------------------------------------------------- data and tokenizer


def _data(plan: Plan, settings: Mapping[str, Any], data: RunData) -> None:
    source = data.text
    choice = settings["dataset"]
    name = _built_in(choice, ("names", "text-file"), "data set")
    content = source.read()
    try:
        text = text_in(content, source.name)
    except DocumentsError as error:
        raise ExportError(error.title, error.message) from error
    options = choice.get("options", {})
    split = str(options.get("split") or "lines") if name == "text-file" else "lines"
    window = int(options.get("window") or settings["model.block_size"])
    documents = _documents(text, split, window)
    plan.facts.add(split)
    plan.values |= {"split": _CUT[split], "window": literal(window)}
    if len(content) <= EMBEDDED:
        plan.facts.add("embedded")
        plan.values["text"] = literal_text(text)
    else:
        plan.facts.add("file")
        path = source.path or str(default_names_path())
        path = str(expanded(path)) if path.startswith("~") else path
        wanted = (
            f"This run learnt from {in_words(source.name, 80)}, {len(content):,} bytes with the "
            f"SHA-256 {source.sha256}."
        )
        if source.path is None:
            wanted += " It comes with microgpt-play, as microgpt/names.txt."
        notebook = "notebook" in plan.facts
        wanted += f" Give its path {'as PATH' if notebook else 'behind the name of the script'}."
        plan.values |= {
            "path": literal(path),
            "sha256": re.sub("[^0-9a-f]", "", source.sha256),
            "wanted": _wrapped(wanted),
        }
        plan.facts |= {"returns"} if b"\r" in content else set()
    different = len(set(documents))
    by_text = settings.get("holdout_by", "row") == "text" and different < len(documents)
    units = different if by_text else len(documents)
    if min(round(float(settings["holdout"]) * units), units - 1) > 0:
        plan.facts |= {"held_out", "once"} if by_text else {"held_out"}


def _documents(text: str, split: str, window: int) -> list[str]:
    match split:
        case "paragraphs":
            return split_paragraphs(text)
        case "windows":
            return split_windows(text, window)
    return split_lines(text)


def _wrapped(text: str) -> str:
    """A long sentence as source: a line of source for each line, in parentheses."""
    lines = textwrap.wrap(text, 85, drop_whitespace=False, break_on_hyphens=False)
    return "\n".join(("(", *(f"        {literal(line)}" for line in lines), "    )"))


def _tokenizer(plan: Plan, run: RunExport, settings: Mapping[str, Any]) -> None:
    name = _built_in(settings["tokenizer"], ("char", "byte", "word"), "tokenizer")
    plan.facts.add(name)
    plan.values["vocabulary"] = ""
    if name == "char":
        plan.values["vocabulary"] = literal(list(run.tokenizer["characters"]))
    elif name == "word":
        words = list(run.tokenizer["words"])
        plan.values["vocabulary"] = literal(words)
        simply = run.tokenizer.get("pieces", 1) != PIECES or all(map(is_cut_simply, words))
        plan.facts |= set() if simply else {"marks"}
        plan.values["marks"] = _marks_in(words)


def _marks_in(words: Sequence[str]) -> str:
    """The combining marks in the words, as source. Those of all Unicode are not the same for each
    version of Python; and one at least, because a regular expression has no empty set."""
    found = {"\u0300"}.union(*words)
    return ascii("".join(sorted(one for one in found if unicodedata.category(one)[0] == "M")))


# ---------------------------------------------------------------- training


def _training(plan: Plan, run: RunExport, settings: Mapping[str, Any], config: ModelConfig) -> None:
    plan.values |= {"warmup": "0", "floor": "0.0"}
    values: dict[int, dict[str, str]] = {}
    seeds: dict[int, int] = {}
    plan.values |= _schedule(plan, settings["schedule"])
    largest = int(settings["batch_size"])
    for step, name, value in _later(run):
        if name == "schedule":
            values.setdefault(step, {}).update(_schedule(plan, value))
        elif name == "seed":
            seeds[step] = int(value)
        elif name in _SETTINGS:
            number = int(value) if name in ("steps", "batch_size") else float(value)
            values.setdefault(step, {})[_SETTINGS[name]] = literal(number)
            largest = max(largest, int(value)) if name == "batch_size" else largest
        elif name not in _NOTHING_TO_DO:
            raise _refused(
                f"Its setting {in_words(name, 60)} changed after step {step:,}, which the script "
                "has no way to do",
                _ELSEWHERE,
            )
    plan.facts |= {"batch"} if largest > 1 else set()
    lines: list[str] = []
    if values:
        plan.facts.add("changes")
        lines += ["# What was changed in mid-run, after so many steps.", "CHANGES = {"]
        for step, changed in sorted(values.items()):
            inner = ", ".join(f"{literal(name)}: {text}" for name, text in changed.items())
            lines.append(f"    {step}: {{{inner}}},")
        lines.append("}")
    if seeds:
        plan.facts.add("seeds")
        lines.append(f"SEEDS = {literal(seeds)}  # from these steps on the order is that of a seed")
    for fact, told in (
        ("surgery", "# What was done to the weights by hand: matrix, rows, columns, values."),
        ("hold", "# What was held from these steps on: matrix, rows, columns, values."),
    ):
        made = [one for one in run.history if one["field"] == fact]
        if made:
            plan.facts.add(fact)
            lines += [told, f"{fact.upper()} = {{", *_by_hand(made, config), "}"]
    plan.values["changes"] = "\n".join([*lines, "", ""]) if lines else ""


def _schedule(plan: Plan, choice: Mapping[str, Any]) -> dict[str, str]:
    """The values of a schedule, by their names in the script."""
    name = _built_in(choice, _SCHEDULES, "schedule")
    plan.facts.add(name)
    made = {"schedule": _SCHEDULES[name]}
    if name == "cosine":
        knobs = CosineKnobs(**choice.get("options", {}))
        made |= {"warmup": literal(knobs.warmup), "floor": literal(knobs.floor)}
    return made


def _by_hand(made: Sequence[Mapping[str, Any]], config: ModelConfig) -> Iterator[str]:
    for change in made:
        operations = [
            Operation(component_of(one["component"], config), tuple(map(float, one["values"])))
            for one in change["value"]
        ]
        yield f"    {int(change['step'])}: [  # {done(operations) if operations else 'released'}"
        for one in operations:
            name, rows, columns = _block(one.component, config)
            yield f"        ({literal(name)}, {rows}, {columns}, {literal(list(one.values))}),"
        yield "    ],"


def _block(component: Component, config: ModelConfig) -> tuple[str, range, range]:
    """The matrix, rows and columns of the weights of a component."""
    places = weights_of(component, config)
    matrix: MatrixSpec = next(
        one for one in parameter_layout(config) if one.offset <= places[0] < one.offset + one.size
    )
    first, last = (
        divmod(place - matrix.offset, matrix.columns) for place in (places[0], places[-1])
    )
    return matrix.name, range(first[0], last[0] + 1), range(first[1], last[1] + 1)


# ---------------------------------------------------------------- sampling


def _sampling(plan: Plan, run: RunExport, data: RunData) -> None:
    sampling = run.sampling or UNKNOWN
    functions: dict[str, None] = {}
    calls: list[str] = []
    for link in sampling["chain"]:
        if not link.get("enabled", True):
            continue
        name = _built_in(link, STRATEGIES, "sampling strategy")
        plan.facts |= {"greedy"} if name == "greedy" else set()
        made = link_of(name, link.get("options", {}), len(data.vocabulary))
        if made is not None:
            functions[made.function] = None
            calls.append(made.call)
    every = int(sampling["every"])
    plan.facts |= {"every"} if every else set()
    prompt = str(sampling["prompt"])
    plan.facts |= {"prompt"} if prompt else set()
    plan.values |= {
        "strategies": "".join(f"\n{one}\n\n" for one in functions),
        "chain": "\n    ".join(calls),
        "prompt": literal(_as_known(prompt, data) if prompt else ""),
        "count": literal(int(sampling["count"])),
        "every": literal(every),
        "at_the_end": "\n".join(_at_the_end(run, int(sampling["count"]), every)),
        "sampling_seed": literal(int(sampling["seed"])),
    }


def _at_the_end(run: RunExport, count: int, every: int) -> Iterator[str]:
    """Prints the batches that were asked for at the last step, or the first that would be."""
    sizes = [size for step, size in run.batches if step == run.step]
    if every and run.step % every == 0 and sizes[:1] == [count]:  # it was made by itself
        del sizes[0]
    for number, size in enumerate(sizes[:_MOST_AT_THE_END] or [count], 1):
        more = "" if size == count else f", {literal(size)}"
        yield f'sample(last_step, "on demand {number}"{more})'


def _as_known(prompt: str, data: RunData) -> str:
    """The prompt with its accents as the data have them."""

    def known(text: str) -> bool:
        try:
            data.encode(text)
        except UnknownTextError:
            return False
        return True

    return in_known_form(prompt, known)


# ---------------------------------------------------------------- weights and words


def _weights(plan: Plan, run: RunExport, config: ModelConfig) -> None:
    count = len(run.weights)
    if not count:
        raise ExportError(
            "There are no weights to write",
            "This export was made from the record alone. Export the saved model, or the open run.",
        )
    if count > MOST_WEIGHTS:
        raise ExportError(
            "The model is too large for a script",
            f"It has {count:,} numbers, and {MOST_WEIGHTS:,} are the most that are written into a "
            "script. Export it without its weights, or save the model itself with ctrl+s.",
        )
    assert config.vocab_size
    plan.facts.add("weights")
    packed = struct.pack(f"<{count}d", *run.weights)
    plan.values |= {
        "weights": base64.b64encode(packed).decode("ascii"),
        "parameters": literal(count),
    }


def _about(plan: Plan, run: RunExport, data: RunData) -> None:
    """The words at the top: what this is, what it needs, what it prints, from which run it is."""
    notebook, last = "notebook" in plan.facts, plan.values["last_step"]
    name = f"The run “{in_words(run.run_name, 60)}”" if run.run_name else "A run"
    where = "as a notebook" if notebook else "in one file"
    plan.values["title"] = f"{name} of microgpt-play {where}, to be read and run."
    needs = "" if "embedded" in plan.facts else ", that text"
    needs += ", and Matplotlib to draw" if notebook else ", and nothing that is installed"
    what = (
        f"A small GPT that learns from {in_words(data.text.name, 80)}. The model is that of Andrej "
        f"Karpathy's microgpt.py. It needs Python 3.11 or later{needs}."
    )
    again = "It trains the run again, from the first random numbers on, and"
    if "weights" in plan.facts:
        again = (
            f"The weights after step {last} are in this file, and texts are sampled at once. With "
            "--train it trains the run again, from the first random numbers on, and"
        )
    done = "draws the losses and prints texts" if notebook else "prints the losses, and texts"
    prints = (
        f"{again} {done}, up to step {last} and as the record has them; with "
        f"{'EXACT = True' if notebook else '--exact'} all digits. The last digits may differ "
        "between versions of Python, which round sums in different ways."
    )
    paragraphs = [what, prints]
    if len(run.losses):
        at = run.first_step + len(run.losses) - 1
        paragraphs.append(f"In the record the loss of step {at} is {float(run.losses[-1])!r}.")
    if run.how:
        paragraphs.append(f"The same run, in the playground: {in_words(run.how, 1000)}")
    plan.values["about"] = "\n\n".join(
        textwrap.fill(text, 96, break_on_hyphens=False) for text in paragraphs
    )
