"""Every command with its options and its help. The code of a command is imported when it is called.

Help and errors never import Textual. `play` starts the worker before it imports Textual, so that
the worker and the screen load side by side.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from playground.cli import completion
from playground.cli.help import CONTEXT, KNOBS, PATH, PlayOrCommand, Seconds, Tolerance, option
from playground.cli.options import (
    TrainOptions,
    changes,
    goes_on_with,
    make_spec,
    notify_option,
    plugin_options,
    record_options,
    run_options,
)
from playground.cli.plugins.commands import plugins as plugins_group
from playground.cli.runs.commands import RUN
from playground.cli.runs.commands import runs as runs_group
from playground.hooks.sources import PluginSources
from playground.window import Notify

_RUN_KNOBS = KNOBS.format(commands="`microgpt-play datasets` or `... tokenizers`")


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"microgpt-play {version('microgpt-play')}, Python {sys.version.split()[0]}")
        ctx.exit()


COMPLETION = """\b
To complete words in bash (in zsh: zsh_source; fish: docs/terminal.md):
  eval "$(_MICROGPT_PLAY_COMPLETE=bash_source microgpt-play)"
"""


@click.group(cls=PlayOrCommand, context_settings=CONTEXT, epilog=COMPLETION)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version,
              help="Show the version and exit.")  # fmt: skip
def cli() -> None:
    """Watch, steer and take apart a GPT while it learns.

    Without a command it opens the playground: on 32,469 given names, on a text FILE of your
    own, or on a saved model (.safetensors). `microgpt-play play --help` lists its options.
    """


@cli.command(context_settings=CONTEXT, epilog=_RUN_KNOBS)
@click.argument("file", required=False, type=PATH)
@run_options
@record_options
@plugin_options
@option("--strategy", "strategies", multiple=True, section="Sampling", metavar="NAME[:KNOBS]",
        shell_complete=completion.names("strategy"),
        help="A link of the chain from logits to token, in this order, as in "
             "min-p:min_p=0.05; `strategies` lists them (may be repeated).")  # fmt: skip
@option("--theme", metavar="NAME", help="Colours: microgpt-dark, microgpt-light, nord, ...")
@notify_option
def play(
    file: Path | None,
    sources: PluginSources,
    strategies: tuple[str, ...],
    theme: str | None,
    notify: Notify | None,
    no_record: bool,
    recorded: str | None,
    probes: Path | None,
    **values: Any,
) -> int:
    """Open the playground (also without the word "play").

    On FILE, on the embedded names, or on from a saved run (a .safetensors FILE).
    """
    from playground.cli.play import open_playground

    checkpoint = file if _is_checkpoint(file) else None
    _one_run(recorded, file, no_record)
    saved = checkpoint is not None or recorded is not None
    later = goes_on_with(values) if saved else {}
    return open_playground(
        {} if saved else changes(file, values),
        sources,
        checkpoint=checkpoint,
        strategies=strategies,
        theme=theme,
        notify=notify,
        record=not no_record,
        recorded=recorded,
        probes=probes,
        changes=later,
    )


@cli.command(context_settings=CONTEXT)
@click.argument("lesson", required=False, default="", shell_complete=completion.names("lesson"))
@option("--data", "file", section="Lesson", type=PATH, metavar="FILE",
        help="A text file of your own, instead of the names.")  # fmt: skip
@option("--seed", section="Lesson", type=click.IntRange(-(2**63), 2**63 - 1), metavar="N",
        help="The seed of the lesson's run (42).")  # fmt: skip
@option("--teach", is_flag=True, section="Lesson",
        help="On a projector: slow motion, one panel, choices hidden until a key.")  # fmt: skip
@option("--report", is_flag=True, section="Results",
        help="Print what was learnt so far, and open nothing.")  # fmt: skip
@option("--json", "as_json", is_flag=True, section="Results", help="The report as JSON.")
@option("--no-record", section="Lesson", is_flag=True,
        help="Keep no record of the lesson's run; your place and answers are kept.")  # fmt: skip
@option("--theme", metavar="NAME", help="Colours: microgpt-dark, microgpt-light, nord, ...")
@plugin_options
def tour(
    lesson: str,
    sources: PluginSources,
    file: Path | None,
    seed: int | None,
    teach: bool,
    report: bool,
    as_json: bool,
    no_record: bool,
    theme: str | None,
) -> int:
    """Take a lesson in the playground itself, on a run of its own.

    LESSON is one of those that `microgpt-play lessons` lists; without it you choose one. The
    lesson goes on where you left it. Nothing of your own runs is touched. With --report, the
    report is about that lesson alone.
    """
    if report or as_json:
        from playground.cli.tour_report import print_report

        return print_report(sources, lesson, as_json=as_json)
    from playground.cli.play import open_playground

    said = changes(file, {"seed": seed})
    return open_playground(said, sources, record=not no_record, theme=theme, tour=(lesson, teach))


@cli.command(context_settings=CONTEXT, epilog=_RUN_KNOBS)
@click.argument("file", required=False, type=PATH)
@run_options
@option(
    "--save",
    type=PATH,
    metavar="PATH",
    section="Output",
    help="Write the model to PATH (.safetensors) at the end, or when interrupted.",
)
@option(
    "--samples",
    type=click.IntRange(0, 10_000),
    default=20,
    metavar="N",
    section="Output",
    help="Texts to sample at the end (20).",
)
@option(
    "--temperature",
    type=float,
    default=0.5,
    metavar="X",
    section="Output",
    help="Of those samples, 0.05 to 5 (0.5).",
)
@option("--json", "as_json", is_flag=True, section="Output",
        help="One JSON object a line: each step, then the samples.")  # fmt: skip
@option("--metric", "metrics", multiple=True, section="Output", metavar="NAME[:KNOBS]",
        shell_complete=completion.names("metric"),
        help="Measure this as well, every 10 steps, or of samples every 100 (may be "
             "repeated).")  # fmt: skip
@notify_option
@option("--cut", "cuts", section="Surgery", multiple=True, metavar="WHAT",
        help="Take a part out before the first of these steps, or set it, as `inside --cut` says: "
             "head:0.2, weight:wte[4,1]=0.5. A saved or recorded run becomes a fork. "
             "Repeatable.")  # fmt: skip
@option("--hold", "holds", section="Surgery", multiple=True, metavar="WHAT",
        help="Put this back to 0, or to its value, after every step; none releases what is held. "
             "Repeatable.")  # fmt: skip
@option("--at", section="Surgery", type=click.IntRange(0), metavar="N",
        help="Of --run: fork it after N steps (the end of its record).")  # fmt: skip
@record_options
@plugin_options
def train(file: Path | None, sources: PluginSources, **values: Any) -> int:
    """Train without a screen.

    On FILE, on the embedded names, or on from a saved run (a .safetensors FILE). A run that is
    finished goes on to more steps with --steps, and --learning-rate or --schedule if you like.
    """
    from playground.cli.train import train_run

    options = TrainOptions.taken_from(values)
    checkpoint = file if _is_checkpoint(file) else None
    _one_run(options.recorded, file, options.no_record)
    if checkpoint is not None or options.recorded is not None:
        return train_run(None, sources, checkpoint, options, goes_on_with(values))
    return train_run(make_spec(changes(file, values), sources), sources, None, options, {})


@cli.command(context_settings=CONTEXT, epilog=KNOBS.format(commands="`microgpt-play strategies`"))
@click.argument("checkpoint", type=PATH, shell_complete=completion.checkpoints)
@option(
    "-n",
    "--count",
    type=click.IntRange(1, 1_000_000),
    default=20,
    metavar="N",
    section="Texts",
    help="How many texts (20).",
)
@option(
    "--prompt", default="", metavar="TEXT", section="Texts", help="What every text begins with."
)
@option(
    "--seed",
    type=int,
    default=42,
    metavar="N",
    section="Texts",
    help="The same seed gives the same texts (42).",
)
@option("--json", "as_json", is_flag=True, section="Texts", help="One JSON object a line.")
@option(
    "--temperature",
    type=float,
    default=None,
    metavar="X",
    section="Sampling",
    help="Below 1 the likely grows likelier, 0.05 to 5 (0.5).",
)
@option(
    "--strategy",
    "strategies",
    multiple=True,
    shell_complete=completion.names("strategy"),
    metavar="NAME[:KNOBS]",
    section="Sampling",
    help="A link of the chain from logits to token, in this order (may be repeated).",
)
@plugin_options  # fmt: skip
def sample(
    checkpoint: Path,
    sources: PluginSources,
    count: int,
    prompt: str,
    temperature: float | None,
    strategies: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> int:
    """Sample text from a saved model.

    CHECKPOINT is a .safetensors file, written by `train --save` or by ctrl+s in the playground.
    The data it learnt from are not needed.
    """
    from playground.cli.sample import sample_texts

    return sample_texts(
        checkpoint,
        sources,
        count=count,
        prompt=prompt,
        temperature=temperature,
        strategies=strategies,
        seed=seed,
        as_json=as_json,
    )


VIEWS = ("flow", "attention", "depth", "credit", "neurons", "lines")
"""What `inside` shows of a text, in the order of the digits on the screen."""
STEP = "step"
"""What `inside` shows of a training step."""


@cli.command(context_settings=CONTEXT, epilog=RUN)
@click.argument("text", required=False)
@click.argument("checkpoint", type=PATH, required=False, shell_complete=completion.checkpoints)
@option("--run", "run", section="Model", metavar="RUN", shell_complete=completion.runs,
        help="This recorded run, instead of a CHECKPOINT (the one trained last).")  # fmt: skip
@option("--step", section="Model", type=click.IntRange(0), metavar="N",
        help="The run after N steps (where it stands).")  # fmt: skip
@option("--view", section="View", type=click.Choice((*VIEWS, STEP)), default="flow",
        metavar="VIEW", help="What is shown: " + ", ".join(VIEWS) + " (flow); or step, the last "
                             "step taken apart, which needs no TEXT.")  # fmt: skip
@option("--position", section="View", type=click.IntRange(0), metavar="P",
        help="Of flow, credit, lines and --influence: the position, counted from 0, which reads "
             "the beginning (the last).")  # fmt: skip
@option("--token", section="View", metavar="T",
        help="Of credit and --influence: the token that is explained (the likeliest).")  # fmt: skip
@option("--against", section="View", metavar="T",
        help="Of credit: another token, whose logit is taken off; mean for the mean under the "
             "model's probabilities.")  # fmt: skip
@option("--layer", section="View", type=click.IntRange(0), metavar="L",
        help="Of attention and neurons: this layer alone, counted from 0 (all).")  # fmt: skip
@option("--head", section="View", type=click.IntRange(0), metavar="H",
        help="Of attention: this head alone, counted from 0 (all).")  # fmt: skip
@option("--neuron", section="View", type=click.IntRange(0), metavar="J",
        help="Of neurons: what this one promotes, and what wakes it.")  # fmt: skip
@option("--weight", section="View", metavar="W",
        help="Of step: why this weight moved, as wte[4,1] for row 4, column 1.")  # fmt: skip
@option("--cut", "cuts", section="Surgery", multiple=True, metavar="WHAT",
        help="Take a part out first, and say what that costs: head:0.2 is head 2 of layer 0; also "
             "neuron:L.J, position:P, token:ID, matrix:NAME; weight:NAME[R,C]=VALUE sets a "
             "weight, and matrix:wpe@200 puts in that of step 200. Repeatable.")  # fmt: skip
@option("--against-mean", is_flag=True, section="Surgery",
        help="Of --cut of heads: they write their mean, and not nothing.")  # fmt: skip
@option("--patch", section="Surgery", metavar="OTHER",
        help="Put what the model computes for TEXT, one activation at a time, into its run over "
             "OTHER, which has as many tokens, and say how much of TEXT's answer comes back; no "
             "view.")  # fmt: skip
@option("--rank", is_flag=True, section="Surgery",
        help="What each head, neuron, matrix and position would cost, and no view.")  # fmt: skip
@option("--without-step", "without_step", is_flag=True, section="Past",
        help="Of step: make the run again without step N, to where it stands, and say what "
             "differs.")  # fmt: skip
@option("--influence", "of_influence", is_flag=True, section="Past",
        help="Which documents taught the model what comes after TEXT, by formula for all steps and "
             "by replay for the first ten; no view. --position and --token choose another "
             "prediction.")  # fmt: skip
@option("--json", "as_json", is_flag=True, section="View",
        help="As one JSON object, every number in full.")  # fmt: skip
@plugin_options
def inside(
    text: str | None,
    checkpoint: Path | None,
    sources: PluginSources,
    run: str | None,
    step: int | None,
    view: str,
    cuts: tuple[str, ...],
    against_mean: bool,
    patch: str | None,
    rank: bool,
    without_step: bool,
    of_influence: bool,
    as_json: bool,
    **asked: Any,
) -> int:
    """Show what a model computes for TEXT.

    The model is a CHECKPOINT (a .safetensors file), or a recorded run at any of its steps. The
    screen shows the same under i; docs/inside.md says how to read it.
    """
    from playground.cli.inside import Asked, look_inside

    return look_inside(
        text,
        checkpoint,
        run,
        step,
        sources,
        view=view,
        asked=Asked(**asked),
        cuts=cuts,
        against_mean=against_mean,
        patch=patch,
        rank=rank,
        without_step=without_step,
        of_influence=of_influence,
        as_json=as_json,
    )


@cli.command(context_settings=CONTEXT, epilog=RUN)
@click.argument("model", metavar="[RUN|FILE]", required=False,
                shell_complete=completion.models)  # fmt: skip
@option("--samples", section="Score", type=click.IntRange(0, 1000), default=100, metavar="N",
        help="Texts to sample; 0 for none (100).")  # fmt: skip
@option("--seed", section="Score", type=int, default=42, metavar="N",
        help="The same seed gives the same samples (42).")  # fmt: skip
@option("--rule", section="Score", metavar="REGEX",
        help="What a valid sample matches from end to end (the rule of the run's metric "
             "valid-share).")  # fmt: skip
@option("--json", "as_json", is_flag=True, section="Score",
        help="As one JSON object, every number in full.")  # fmt: skip
@plugin_options
def score(
    model: str | None,
    sources: PluginSources,
    samples: int,
    seed: int,
    rule: str | None,
    as_json: bool,
) -> int:
    """Tell how good a model is, each figure with its 95 % interval.

    On held-out texts that it has not seen, against counting and compressing, and by its samples.
    The model is a recorded run (the one trained last), a run in a FILE (.microgpt-run), or a saved
    model (.safetensors), whose data must be as they were. docs/score.md describes every figure.
    """
    from playground.cli.score import show_score

    return show_score(model, sources, samples=samples, seed=seed, rule=rule, as_json=as_json)


@cli.command("check-run", context_settings=CONTEXT, epilog=RUN)
@click.argument("run", metavar="RUN|FILE", shell_complete=completion.models)
@option("--against", required=True, section="Baseline", metavar="RUN|FILE",
        shell_complete=completion.models,
        help="The baseline: a recorded run, or a file as RUN may be one.")  # fmt: skip
@option("--bits", section="Allowed", type=Tolerance(0), default="0.02", metavar="X",
        help="Bits a character more on held-out texts (0.02).")  # fmt: skip
@option("--calibration", section="Allowed", type=Tolerance(0, 1), default="0.02", metavar="X",
        help="Expected calibration error more, 0 to 1 (0.02).")  # fmt: skip
@option("--recited", section="Allowed", type=Tolerance(0, 1), default="0.05", metavar="X",
        help="Share of the samples that is recited more, 0 to 1 (0.05).")  # fmt: skip
@option("--duplicates", section="Allowed", type=Tolerance(0, 1), default="0.05", metavar="X",
        help="Share that is equal to an earlier sample more (0.05).")  # fmt: skip
@option("--valid", section="Allowed", type=Tolerance(0, 1), default="0.05", metavar="X",
        help="Share that the rule allows less (0.05).")  # fmt: skip
@option("--samples", section="Allowed", type=Tolerance(0, 1), default="any", metavar="X",
        help="Share of the samples that are other texts, by the same dice (any).")  # fmt: skip
@option("--probes", section="Allowed", type=Tolerance(0, 1), default="any", metavar="X",
        help="Share of the prompts with another answer, by the same dice (any).")  # fmt: skip
@option("--prompts", section="Texts", type=PATH, metavar="FILE",
        help="A file of probes to ask both (those of the baseline).")  # fmt: skip
@option("--count", section="Texts", type=click.IntRange(0, 1000), default=100, metavar="N",
        help="Texts to sample of each; 0 for none (100).")  # fmt: skip
@option("--seed", section="Texts", type=int, default=42, metavar="N",
        help="The dice of the samples (42).")  # fmt: skip
@option("--rule", section="Texts", metavar="REGEX",
        help="What a valid sample matches from end to end (the rule of the baseline).")  # fmt: skip
@option("--json", "as_json", is_flag=True, section="Output",
        help="As one JSON object, every number in full.")  # fmt: skip
@plugin_options
def check_run(
    run: str,
    sources: PluginSources,
    against: str,
    prompts: Path | None,
    count: int,
    seed: int,
    rule: str | None,
    as_json: bool,
    **allowed: float,
) -> int:
    """Compare a run with a baseline, for scripts.

    The exit code is 0 if nothing is worse than allowed, and 1 if something is, or cannot be
    compared. Both read the same held-out texts and draw with the same dice, so that luck alone is
    no regression. X is a number, or any for any amount. RUN is a recorded run, or a FILE: a run
    (.microgpt-run) or a saved model (.safetensors). docs/check-run.md has a recipe.
    """
    from playground.cli.check_run import check_run as check

    return check(
        run,
        against,
        sources,
        allowed=allowed,
        prompts=prompts,
        count=count,
        seed=seed,
        rule=rule,
        as_json=as_json,
    )


@cli.command(context_settings=CONTEXT, epilog=KNOBS.format(commands="`microgpt-play exporters`"))
@click.argument("run", metavar="RUN|FILE", shell_complete=completion.models)
@click.argument("path", type=PATH)
@option(
    "--as",
    "wanted",
    default=None,
    metavar="NAME[:KNOBS]",
    section="Output",
    help="The format (csv for .csv, json-lines for .jsonl, page for .html, script for .py, "
    "notebook for .ipynb).",
)
@plugin_options
def export(run: str, path: Path, sources: PluginSources, wanted: str | None) -> int:
    """Write a run in a format of others.

    RUN is a recorded run, or a FILE: a run that was exported as .microgpt-run, or a saved model
    (.safetensors, from `train --save` or ctrl+s in the playground). PATH is the file to write (some
    formats make a folder). Most formats do not need the data it learnt from.
    """
    from playground.cli.export import export_run

    return export_run(run, path, sources, wanted=wanted)


@cli.command(context_settings=CONTEXT)
@click.argument("file", type=PATH)
@click.argument("new", type=PATH)
def tidy(file: Path, new: Path) -> int:
    """Write each letter of a text in one way.

    NEW is the text of FILE, a text in UTF-8, with é as one letter (NFC) and not as an e with an
    accent (NFD), without invisible characters, and with every space the ordinary one.
    """
    from playground.cli.tidy import tidy_file

    return tidy_file(file, new)


cli.add_command(runs_group)


def _listing(kind: str, plural: str, words: str) -> None:
    @cli.command(plural, context_settings=CONTEXT, help=f"List the {words}.")
    @option("--json", "as_json", is_flag=True, help="As JSON.")
    @plugin_options
    def listing(sources: PluginSources, as_json: bool) -> int:
        from playground.cli.listing import list_entries

        return list_entries(kind, sources, as_json=as_json)


for _kind, _plural, _words in (
    ("dataset", "datasets", "data sets and their knobs"),
    ("tokenizer", "tokenizers", "tokenizers and their knobs"),
    ("strategy", "strategies", "sampling strategies and their knobs"),
    ("engine", "engines", "engines and their knobs"),
    ("panel", "panels", "panels and their knobs"),
    ("exporter", "exporters", "exporters and their knobs"),
    ("schedule", "schedules", "learning-rate schedules and their knobs"),
    ("metric", "metrics", "metrics and their knobs"),
    ("lesson", "lessons", "lessons of the tour"),
    ("writer", "writers", "writers, which continue a prompt, and their knobs"),
):
    _listing(_kind, _plural, _words)


@cli.command(context_settings=CONTEXT)
@option("--engine", "names", section="Measuring", multiple=True, metavar="NAME",
        shell_complete=completion.names("engine"),
        help="Only this engine (may be repeated).")  # fmt: skip
@option("--quick", is_flag=True, section="Measuring",
        help="Only the default model, and less of it: about 8 seconds.")  # fmt: skip
@option("--rounds", section="Measuring", type=click.IntRange(1, 1000), metavar="N",
        help="How often each engine has its turn (9; 5 if quick).")  # fmt: skip
@option("--seconds", section="Measuring", type=Seconds(0.001, 60), metavar="X",
        help="How long a turn is, one step at least (0.2; 0.15 if quick).")  # fmt: skip
@option("--check", is_flag=True, section="Measuring",
        help="Also what takes minutes: 1,000 losses of each, steps of 30 s.")  # fmt: skip
@option("--json", "as_json", is_flag=True, section="Output", help="All figures as JSON.")
@plugin_options
def bench(
    sources: PluginSources,
    names: tuple[str, ...],
    rounds: int | None,
    seconds: float | None,
    quick: bool,
    check: bool,
    as_json: bool,
) -> int:
    """Measure how fast each engine is here.

    How many times as fast as the scalar engine: they train the same names in turns, so that
    these ratios mean something on a busy machine, too. Their losses are compared as well; the
    exit code is 1 if one of them computes something else.
    """
    from playground.cli import bench as benchmark

    return benchmark.bench(
        sources,
        names=names,
        rounds=rounds,
        seconds=seconds,
        quick=quick,
        check=check,
        as_json=as_json,
    )


@cli.command(context_settings=CONTEXT, epilog=_RUN_KNOBS)
@click.argument("file", required=False, type=PATH)
@option("--vary", multiple=True, section="Sweep", metavar="NAME=V,V",
        help="Try each of these values of a setting, as in learning_rate=0.003,0.01 "
             "(repeatable: every combination), or 0.003..0.03 to search or draw.")  # fmt: skip
@option("--seeds", section="Sweep", type=click.IntRange(1, 1000), metavar="N",
        help="Train each combination with N seeds, from --seed on (3).")  # fmt: skip
@option("--random", "draws", section="Sweep", type=click.IntRange(1), metavar="N",
        help="Only N of the combinations, drawn with --seed.")  # fmt: skip
@option("--trials", section="Sweep", type=click.IntRange(1), metavar="N",
        help="Search: only N combinations, as Optuna suggests from the losses.")  # fmt: skip
@option("--jobs", section="Sweep", type=click.IntRange(1, 256), metavar="N",
        help="Worker processes (one a processor); no number depends on it.")  # fmt: skip
@option("--dask", section="Sweep", metavar="ADDRESS",
        help="Train on the workers of the Dask scheduler at tcp://HOST:PORT, --jobs of them at "
             "most; or local: a cluster for trying.")  # fmt: skip
@option("--max-minutes", section="Sweep", type=click.FloatRange(0, min_open=True), metavar="X",
        help="Stop after so long, and say how to resume.")  # fmt: skip
@option("--resume", section="Sweep", type=click.IntRange(1), metavar="SWEEP",
        help="Do what is missing of this sweep.")  # fmt: skip
@option("--json", "as_json", is_flag=True, section="Output",
        help="One JSON object a run, by setting and seed.")  # fmt: skip
@run_options
@plugin_options
def sweep(
    file: Path | None,
    sources: PluginSources,
    vary: tuple[str, ...],
    seeds: int | None,
    draws: int | None,
    trials: int | None,
    jobs: int | None,
    dask: str | None,
    max_minutes: float | None,
    resume: int | None,
    as_json: bool,
    **values: Any,
) -> int:
    """Train many runs, and compare their settings.

    Every combination of the settings, each with several seeds, on FILE or on the embedded names.
    The runs are recorded as any other.
    """
    from playground.cli import sweep as sweeping

    how = sweeping.How(jobs, max_minutes, as_json, dask)
    if resume is not None:
        given = [vary, seeds, draws, trials, file, *values.values()]
        if any(one not in (None, ()) for one in given):
            raise click.UsageError(
                "--resume goes on with the sweep as it began: leave out FILE, --vary, --seeds, "
                "--random, --trials and all settings."
            )
        return sweeping.resume(resume, how)
    wanted = sweeping.Wanted(changes(file, values), vary, seeds or 3, draws, trials)
    return sweeping.begin(wanted, sources, how)


@cli.command(context_settings=CONTEXT)
@click.argument("file", required=False, type=PATH)
@option("--host", section="Address", default="127.0.0.1", metavar="HOST",
        help="Where to listen (127.0.0.1: this machine alone).")  # fmt: skip
@option("--port", section="Address", type=click.IntRange(0, 65535), default=8000, metavar="N",
        help="The port; 0 for a free one (8000).")  # fmt: skip
@option("--url", section="Address", metavar="URL",
        help="The address by which browsers reach this server, if it is another one, as behind a "
             "server with TLS.")  # fmt: skip
@option("--sessions", section="Visitors", type=click.IntRange(1, 10_000), default=50, metavar="N",
        help="The most sessions at once (50).")  # fmt: skip
@option("--files", section="Visitors", type=PATH, metavar="DIR",
        help="Visitors may open the files of this folder; otherwise what they upload, "
             "alone.")  # fmt: skip
@option("--show", section="Visitors", is_flag=True,
        help="One session for all: you steer, the others watch.")  # fmt: skip
@option("--trust", section="Visitors", is_flag=True,
        help="Visitors are as good as you: your plugins, and all of your files.")  # fmt: skip
def serve(file: Path | None, url: str | None, **values: Any) -> int:
    """Serve the playground to browsers.

    Each visitor who has the address with the token gets a playground, on FILE or on the embedded
    names, in a process and a home of their own. What they make is gone when the server ends.
    """
    from playground.cli import serve as serving

    return serving.serve(serving.Serving(file=file, url=serving.check_url(url), **values))


cli.add_command(plugins_group)


def _one_run(recorded: str | None, file: Path | None, no_record: bool) -> None:
    """Raise click.UsageError for what contradicts --run: a recorded run has its own data."""
    if recorded is None:
        return
    if file is not None:
        raise click.UsageError(f"--run goes on with what that run learnt from: leave out {file}.")
    if no_record:
        raise click.UsageError("--run and --no-record contradict each other.")


def _is_checkpoint(file: Path | None) -> bool:
    """True if the file is a saved run, by its name or by its first bytes: a length, then JSON."""
    if file is None or file.suffix == ".safetensors":
        return file is not None
    try:
        if not file.is_file():  # bytes read from a pipe would be lost
            return False
        with file.open("rb") as opened:
            head = opened.read(9)
        return head[8:] == b"{" and int.from_bytes(head[:8], "little") < file.stat().st_size
    except OSError:
        return False
