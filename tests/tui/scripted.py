"""ScriptedLab plays a fixed run without a worker, so that screens are tested on their own."""

from __future__ import annotations

import asyncio
import functools
import json
import math
import random
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from microgpt.config import ModelConfig
from microgpt.parameters import parameter_count, parameter_layout
from microgpt.surgery import Operation, components, done, held, named, operate, transplant
from playground.catalog import Catalog, Control, Entry
from playground.lab.client.events import LabEvent
from playground.lab.client.watches import PanelWatch
from playground.lab.inside.patch import patching
from playground.lab.inside.surgeon import NOTHING_HELD_OUT
from playground.lab.inside.surgery import finished
from playground.lab.inside.trial import trial
from playground.lab.protocol.commands import Influence, ProbesState
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.film import FilmFrame, FilmRow, FilmText, has_row
from playground.lab.protocol.frames import (
    DocumentFrame,
    Frame,
    FrameRequest,
    MatrixFrame,
    Metrics,
    PanelFrame,
    PanelView,
    SeenDocument,
    SmallMatrix,
    SmallViews,
)
from playground.lab.protocol.influence import Cost, Influences, LeftOut
from playground.lab.protocol.inside import Inside, Look
from playground.lab.protocol.observation import Observation, Part
from playground.lab.protocol.probes import ProbeSet
from playground.lab.protocol.run import (
    Baseline,
    Checkpoint,
    Matrix,
    Recording,
    RecordState,
    RunInfo,
)
from playground.lab.protocol.sampling import (
    Link,
    Measuring,
    Meter,
    Preview,
    SampleBatch,
    SampleText,
    Sampling,
    Spread,
    TokenChance,
)
from playground.lab.protocol.score import SAMPLES, SEED, Scored
from playground.lab.protocol.surgery import Cut, Patching, Ranked, RankProgress, Tried, dearness
from playground.lab.protocol.writing import Leaving, WriterChoice, Written
from playground.lab.spec import RunSpec, SpecError
from playground.lab.store.store import Store
from tests.tui.readings import (
    Letters,
    ScriptedTrials,
    encode,
    microscope,
    scored,
    session,
    trained,
)

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "charlotte", "amelia", "evelyn"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def slider(name: str, default: float, low: float, high: float, step: float, off: float | None):
    return Control(
        name, name.replace("_", " "), "slider", default, low, high, step, neutral=off, help=name
    )


CATALOG = Catalog(
    (
        Entry("dataset", "names", "builtin", "built in", "32,469 given names, U.S., 2017"),
        Entry(
            "dataset",
            "text-file",
            "builtin",
            "built in",
            "a text file of your own",
            (
                Control("path", "path", "text", ""),
                Control(
                    "split", "split", "choice", "lines", choices=("lines", "paragraphs", "windows")
                ),
            ),
        ),
        Entry("schedule", "linear", "builtin", "built in", "straight down to 0"),
        Entry(
            "schedule",
            "cosine",
            "builtin",
            "built in",
            "gently down",
            (slider("warmup", 0, 0, 1000, 10, 0),),
        ),
        Entry("metric", "gradient-norm", "builtin", "built in", "how strongly a step pulls"),
        Entry("metric", "perplexity", "builtin", "built in", "exp of the loss"),
        Entry(
            "metric",
            "new-share",
            "builtin",
            "built in",
            "share of new texts",
            (slider("length", 1, 1, 9, 1, None),),
        ),
        Entry("tokenizer", "char", "builtin", "built in", "one token a character"),
        Entry("tokenizer", "byte", "builtin", "built in", "one token a UTF-8 byte"),
        Entry("tokenizer", "word", "builtin", "built in", "words, spaces, punctuation"),
        Entry(
            "strategy",
            "temperature",
            "builtin",
            "built in",
            "sharpens or flattens",
            (slider("temperature", 0.5, 0.05, 5, 0.05, 1.0),),
        ),
        Entry(
            "strategy",
            "top-k",
            "builtin",
            "built in",
            "keeps the k likeliest",
            (replace(slider("top_k", 0, 0, 200, 1, 0), integer=True),),
        ),
        Entry(
            "strategy",
            "top-p",
            "builtin",
            "built in",
            "keeps the nucleus",
            (slider("top_p", 1.0, 0.01, 1, 0.01, 1.0),),
        ),
        Entry(
            "strategy",
            "min-p",
            "builtin",
            "built in",
            "drops the unlikely",
            (slider("min_p", 0.0, 0, 1, 0.01, 0.0),),
        ),
        Entry(
            "strategy",
            "repetition-penalty",
            "builtin",
            "built in",
            "discourages repeats",
            (slider("penalty", 1.0, 1, 2, 0.05, 1.0),),
        ),
        Entry("strategy", "greedy", "builtin", "built in", "always the likeliest"),
        Entry("engine", "vector", "builtin", "built in", "row by row"),
        Entry("engine", "scalar", "builtin", "built in", "one Value a number"),
        Entry(
            "panel",
            "histogram",
            "builtin",
            "built in",
            "how the weights are spread",
            (Control("of", "of", "choice", "weights", choices=("weights", "gradients")),),
        ),
        Entry("panel", "gradient-flow", "builtin", "built in", "gradient, matrix by matrix"),
        Entry("panel", "mine", "mine", "/plugins/mine.py", "a panel of one's own"),
        Entry("exporter", "csv", "builtin", "built in", "a table, one row a step"),
        Entry("exporter", "json-lines", "builtin", "built in", "one JSON object a line"),
        Entry(
            "writer",
            "elsewhere",
            "mine",
            "/plugins/mine.py",
            "a [b]model[/b] elsewhere",
            (Control("here", "here", "switch", False),),
        ),
    )
)


@functools.cache
def drawn(seed: str, count: int) -> tuple[float, ...]:
    """Numbers around 0, `count` of them, the same for the same seed. They are kept because every
    frame of a matrix shows the same ones, and a frame has thousands of them."""
    rng = random.Random(seed)
    return tuple(rng.gauss(0, 0.1) for _ in range(count))


def loss_at(step: int) -> float:
    noise = random.Random(step).gauss(0, 0.22)
    return 2.3 + 1.05 * math.exp(-step / 180) + noise


def _transformed(link: Link, chances: list[float]) -> list[float]:
    """The chances after a temperature or a top-k; other links change nothing here."""
    if link.name == "temperature":
        power = 1 / float(link.options.get("temperature", 1.0))
        chances = [chance**power for chance in chances]
    elif link.name == "top-k" and link.options.get("top_k"):
        least = sorted(chances)[-int(link.options["top_k"])]
        chances = [chance if chance >= least else 0.0 for chance in chances]
    return [chance / sum(chances) for chance in chances]


def _spread(chances: list[float]) -> Spread:
    some = [chance for chance in chances if chance]
    return Spread(len(some), math.exp(-sum(chance * math.log(chance) for chance in some)))


class ScriptedWriting:
    """Writers that take no time: each continues a prompt with `text`."""

    def __init__(self) -> None:
        self.leaves = Leaving("https://a.example/v1", ("the prompt", "a name"), "the air")
        """What leaves the machine; of a writer with the knob "here" set, nothing."""
        self.text = " and [b]more[/b]\x1b[2J"
        self.trouble: dict[str, Failure] = {}
        """Why a prompt is not continued."""
        self.gate: asyncio.Event | None = None
        """The event that each text waits for, if any; half of it is there before."""
        self.asked: list[str] = []
        self.ended = 0

    async def leaving(self, choice: WriterChoice) -> Leaving:
        return Leaving() if choice.options.get("here") else self.leaves

    async def write(self, choice: WriterChoice, prompt: str, agreed: Leaving, tell) -> Written:
        assert agreed == await self.leaving(choice)
        self.asked.append(prompt)
        if prompt in self.trouble:
            raise LabError(self.trouble[prompt])
        tell(self.text[: len(self.text) // 2])
        if self.gate is not None:
            await self.gate.wait()
        return Written(prompt, self.text, True, 1.25, 0.5, 12, 9, 0.000012, "small-2")

    def end(self) -> None:
        self.ended += 1


class ScriptedLab:
    """A Lab whose steps take no time; after `run` each frame is `stride` steps further."""

    def __init__(self, listener: Callable[[LabEvent], None], stride: int = 7) -> None:
        self.listener = listener
        self.stride = stride
        self.writing = ScriptedWriting()
        self.info: RunInfo | None = None
        self.catalog: Catalog | None = CATALOG
        self.calls: list[tuple[object, ...]] = []
        self.fail_open: Failure | None = None
        self.engine = "vector"
        self.engine_trouble: Failure | None = None
        """The failure of the next engine that is chosen, if any."""
        self.engine_gate: asyncio.Event | None = None
        """The event that the next engine waits for, if any."""
        self.state = "ready"
        self.step = self.head = 0
        self.epoch = 0
        self.edits: tuple[tuple[int, str], ...] = ()
        self.by_hand: dict[int, tuple[str, ...]] = {}
        """What was done to the weights, in words, by step."""
        self.holding: tuple[Operation, ...] = ()
        """What is held."""
        self.before_hand: list[tuple[array[float], tuple[Operation, ...]]] = []
        """The weights and what was held before each thing that was done by hand."""
        self.tried: list[tuple[str, ...]] = []
        """What was tried, in order."""
        self.begun: list[str] = []
        """Which long work was begun, in order, and which of it was given up."""
        self.given_up: list[str] = []
        self.work_gate: asyncio.Event | None = None
        """The event that each piece of long work waits for, if any."""
        self.record: RecordState | None = None
        """The state of the recording; an edit in the past branches off to the next run number."""
        self.written: RecordState | None = None
        """The state of the recording from the next frame on."""
        self.recording: Recording | None = None
        """The recording that the open run was opened with."""
        self.store = ""
        """The path of the store that `open_recorded` reads."""
        self.asked = ProbesState(ProbeSet(), ())
        """The probes, and the answers to them."""
        self.slow: asyncio.Event | None = None
        """The event that `go_to` waits for, if any."""
        self.batches: list[SampleBatch] = []
        self.sampling = Sampling()
        self.measuring = Measuring()
        self.metric_trouble: Failure | None = None
        """The reason why the first metric that is on was switched off, if it was."""
        self.unknown_before = 0
        """The step from which on the tokens and the seconds of a step are known."""
        self.film_waiting = 0
        """Rows of the film that are still to be written."""
        self.film_trouble: Failure | None = None
        self.film_texts = ("ann\x1b[2J", "[b]mia", "漢字かな")
        """What is written in each row, before its step."""
        self.keeps_chances = True
        """False for samples of a program that kept no chances."""
        self.price = Cost(12, 0.1)
        """What each replay will take."""
        self.work_gate: asyncio.Event | None = None
        """The event that replays wait for, if any."""
        self.score_trouble: Failure | None = None
        """Why the model cannot be scored, if it cannot."""
        self.saved: list[str] = []
        self.microscope = microscope(0)
        """The model that is looked into; its weights stay as they are while the steps go by."""
        self.looks: list[Look] = []
        """What was looked at, in order."""
        self.look_gate: asyncio.Event | None = None
        """The event that a look waits for, if any."""
        self.look_trouble: Failure | None = None
        """Why looks fail, if they do."""
        self.look_seconds: float | None = None
        """What a look is said to cost; None for a moment."""
        self.panels = PanelWatch()
        self.panel_lines: tuple[str, ...] = ()
        """The lines that the panel draws; by default its name, knobs and size."""
        self.panel_trouble: Failure | None = None

    async def open(
        self, spec, *, checkpoint=None, observation=None, recording=None, said=None
    ) -> RunInfo:
        observation, self.said = observation or Observation(), said
        self.sampling, self.measuring = observation.sampling, observation.measuring
        self.calls.append(("open", spec))
        if self.fail_open is not None:
            failure, self.fail_open = self.fail_open, None
            raise LabError(failure)
        try:
            run = RunSpec.parse(spec)
        except SpecError as error:
            raise LabError(Failure("These settings cannot be", str(error))) from None
        config = ModelConfig(27, **run.model.model_dump())
        self.state, self.step = "ready", checkpoint.step if checkpoint else 0
        self.head = self.step
        self.edits, self.recording = (), recording
        self.epoch += 1
        self.batches = []
        self.engine = run.engine
        path = str(run.dataset.options.get("path", ""))
        self.info = RunInfo(
            spec=run.to_json(),
            dataset_title=path.rsplit("/", 1)[-1] or "names",
            source="U.S. Social Security Administration, 2017",
            licence="public domain",
            documents=32469,
            train_documents=29240,
            heldout_documents=2991 if run.holdout else 0,
            longest=15,
            vocabulary=(*LETTERS, "·"),
            vocab_size=27,
            bos_id=26,
            matrices=tuple(Matrix(m.name, m.rows, m.columns) for m in parameter_layout(config)),
            parameter_count=parameter_count(config),
            block_size=config.block_size,
            observation=self.observation,
            n_head=config.n_head,
            baselines=(
                Baseline("uniform", math.log(27)),
                Baseline("unigram", 2.82),
                Baseline("bigram", 2.47),
                Baseline("trigram", 2.24),
            ),
        )
        return self.info

    @property
    def open_run(self) -> ScriptedLab:
        """The scripted Lab, which holds the facts of its open run itself."""
        return self

    @property
    def observation(self) -> Observation:
        return Observation(self.sampling, self.measuring, self.asked.probes)

    async def open_recorded(self, run: int, at: int | None = None) -> RunInfo:
        with Store.open(Path(self.store)) as store:
            record = store.record(run)
        info = await self.open(record.spec, observation=self.observation)
        self.calls[-1] = ("open_recorded", run, at)
        self.head = record.row.step
        self.step = record.row.at if at is None else min(at, self.head)
        self.state = "paused" if self.step else "ready"
        self.record = RecordState(run, name=record.row.name)
        return info

    async def look_at(self, run: int, at: int | None = None) -> RunInfo:
        info = await self.open_recorded(run, at)
        self.calls[-1] = ("look_at", run, at)
        self.record = RecordState(None, parent=run, fork_step=self.step)
        return info

    @property
    def last_checkpoint(self) -> Checkpoint | None:
        return None

    def cancel_open(self) -> bool:
        return False

    def follow_plugins(self) -> None:
        self.calls.append(("follow_plugins",))

    async def get_catalog(self) -> Catalog:
        return CATALOG

    async def frame(self, request: FrameRequest) -> Frame:
        frame = self._frame(request)
        if self.written is not None:
            self.record, self.written = self.written, None
        return frame

    def _frame(self, request: FrameRequest) -> Frame:
        assert self.info is not None
        steps = json.loads(self.info.spec)["steps"]
        if self.state == "running":
            self.step = min(self.step + self.stride, steps)
            if self.step == steps:
                self.state = "finished"
        self.head = max(self.head, self.step)
        first = request.since_step + 1
        name = NAMES[self.step % len(NAMES)]
        rng = random.Random(self.step)
        matrices = []
        for view in request.matrices:
            shape = next(m for m in self.info.matrices if m.name == view.name)
            values = array("d", drawn(view.name + view.kind, shape.rows * shape.columns))
            largest = max(max(values), -min(values))
            matrices.append(
                MatrixFrame(
                    view.name, view.kind, shape.rows, shape.columns, values, largest=largest
                )
            )
        return Frame(
            state=self.state,
            step=self.step,
            steps=steps,
            epoch=self.epoch,
            metrics=Metrics(
                first,
                array("d", [loss_at(s) for s in range(first, self.step + 1)]),
                array("d", [0.01] * max(0, self.step - first + 1)),
                tuple(
                    (s, 2.35 + math.exp(-s / 180))
                    for s in range(0, self.step + 1, 100)
                    if s > request.since_step or s == request.since_step == 0
                ),
                {
                    meter.label: tuple(
                        (s, 1.5 + math.sin(s / 40) / (1 + s / 200))
                        for s in range(10, self.step + 1, 10)
                        if s >= request.since_step
                    )
                    for meter in self._meters()
                },
                tuple(
                    (s, 0.03 + s / 1e5)
                    for s in range(0, self.step + 1, 100)
                    if s > request.since_step or s == request.since_step == 0
                ),
                tuple((s, 7 * s, s / 10) for s in range(self.unknown_before, self.step + 1)),
            ),
            learning_rate=0.01 * (1 - self.step / steps),
            base_learning_rate=0.01,
            engine=self.engine,
            tokens_seen=self.step * 7,
            steps_per_second=391.0,
            tokens_per_second=2800.0,
            speed=50,
            document=DocumentFrame(
                position=self.step,
                tokens=(*name, "·"),
                losses=tuple(rng.uniform(0.3, 4) for _ in range(len(name) + 1))
                if self.step
                else (),
                beyond=(),
                before=tuple(NAMES[(self.step - 2 + i) % 9] for i in range(min(2, self.step))),
                after=tuple(NAMES[(self.step + 1 + i) % 9] for i in range(request.history)),
            ),
            seen=self._seen(request.seen_since),
            film=None if request.film_since is None else self._film(request.film_since),
            small=self._small(request.small),
            matrices=tuple(matrices),
            panel=self._draw(request.panel) if request.panel else None,
            head=self.head,
            edits=self.edits,
            by_hand=self.by_hand.get(self.step, ()),
            held=named(self.holding),
            record=self.record,
            meters=self._meters(),
            pulls={one.name: 0.25 for one in self.info.matrices} if request.pulls else {},
            batches=tuple(b for b in reversed(self.batches) if b.number > request.since_batch)[
                ::-1
            ],
        )

    def _seen(self, since: int | None) -> tuple[SeenDocument, ...]:
        """The last 30 names after a step, each letter as surprising as its place is far on."""
        steps = () if since is None else range(max(since, self.step - 30) + 1, self.step + 1)
        names = [(step, NAMES[step % len(NAMES)]) for step in steps]
        return tuple(
            SeenDocument(step, (*name, "·"), tuple(map(float, range(len(name) + 1))), False)
            for step, name in names
        )

    def _small(self, view: SmallViews | None) -> tuple[SmallMatrix, ...]:
        """Each matrix in one block, the largest number of which is its place."""
        matrices = self.info.matrices if self.info is not None and view is not None else ()
        return tuple(
            SmallMatrix(one.name, view.kind, 1, 1, array("d", [place]), float(place))
            for place, one in enumerate(matrices)
            if view is not None
        )

    def _draw(self, view: PanelView) -> PanelFrame:
        if self.panel_trouble is not None:
            return PanelFrame(view.name, self.step, trouble=self.panel_trouble)
        knobs = " ".join(f"{name}={value}" for name, value in view.options.items())
        lines = self.panel_lines or (
            f"{view.name} {knobs}".strip(),
            f"{view.width}x{view.height} at step {self.step}",
            *("▁▂▃▄▅▆▇█" * view.width)[: view.width].split("\n"),
        )
        return PanelFrame(view.name, self.step, lines)

    async def advance(self, steps: int = 1) -> None:
        self.calls.append(("advance", steps))
        self.step += steps
        self.state = "paused"

    async def run(self, speed) -> None:
        self.calls.append(("run", speed))
        self.state = "running"

    async def pause(self) -> None:
        self.calls.append(("pause",))
        self.state = "paused"

    async def go_to(self, step: int) -> None:
        self.calls.append(("go_to", step))
        if self.slow is not None:
            await self.slow.wait()
        self.step, self.state = step, "paused"

    async def observe(self, part: Part) -> None:
        if isinstance(part, Sampling):
            self.calls.append(("set_sampling", part))
            self.sampling = part
        elif isinstance(part, Measuring):
            self.calls.append(("set_metrics", part))
            self.measuring = part
        else:
            self.calls.append(("set_probes", part))
            self.asked = ProbesState(part, ())

    def _meters(self) -> tuple[Meter, ...]:
        return tuple(
            Meter(choice, choice.name, None if place else self.metric_trouble)
            for place, choice in enumerate(self.measuring.metrics)
        )

    async def sample(self) -> SampleBatch:
        texts = tuple(
            SampleText(
                self.sampling.prompt + text,
                text in NAMES,
                True,
                letters=(*text, "·") if self.keeps_chances else (),
                chances=(0.25,) * len(text) + (1.0,) if self.keeps_chances else (),
            )
            for text in ("kamon", "ann", "karai", "mia", "vialan")
        )
        batch = SampleBatch(len(self.batches) + 1, self.step, self.sampling.prompt, texts)
        self.batches.append(batch)
        return batch

    def _film(self, since: int) -> FilmFrame:
        steps = [step for step in range(max(self.head, self.step) + 1) if has_row(step)]
        rows = [
            FilmRow(
                step,
                tuple(
                    FilmText(f"{text}{step}", place != 1)
                    for place, text in enumerate(self.film_texts)
                ),
            )
            for step in steps
        ]
        return FilmFrame(
            since, tuple(rows[since:]), len(rows), self.film_waiting, self.film_trouble
        )

    async def preview(self, limit: int = 64, chain: tuple[Link, ...] | None = None) -> Preview:
        if not all(c in LETTERS for c in self.sampling.prompt):
            raise LabError(
                Failure("The prompt cannot be read", "'é' at character 1 is not in the vocabulary")
            )
        rng = random.Random(self.sampling.prompt + str(self.step))
        raw = [rng.random() ** 3 for _ in range(27)]
        before = [value / sum(raw) for value in raw]
        stages, after = [], before
        for link in self.sampling.chain if chain is None else chain:
            if link.enabled:
                after = _transformed(link, after)
            stages.append(_spread(after) if link.enabled else None)
        order = sorted(range(27), key=lambda i: -after[i])
        return Preview(
            self.step,
            self.sampling.prompt,
            tuple(TokenChance(i, (LETTERS + "·")[i], before[i], after[i]) for i in order[:limit]),
            chain=chain,
            alone=_spread(before),
            spreads=tuple(stages),
        )

    async def use_engine(self, name: str, tell) -> None:
        self.calls.append(("use_engine", name))
        tell(Progress(f"{name}: compiling, once", 1, 3))
        if self.engine_gate is not None:
            await self.engine_gate.wait()
        if self.engine_trouble is not None:
            raise LabError(self.engine_trouble)
        self.engine = name

    async def edit(self, changes) -> None:
        self.calls.append(("edit", dict(changes)))
        words = ", ".join(f"{field} {value}" for field, value in changes.items())
        self.edits = (*(one for one in self.edits if one[0] < self.step), (self.step, words))
        if self.step < self.head:  # another future
            self.head, self.epoch = self.step, self.epoch + 1
            if self.record is not None and self.record.run is not None:
                run = self.record.run
                self.record = RecordState(None, parent=run, fork_step=self.step)
                self.written = replace(self.record, run=run + 1)

    async def operate(self, operations) -> None:
        self.calls.append(("operate", *map(str, operations)))
        self._by_hand(operations, done(operations), self.holding)

    async def hold(self, operations) -> None:
        self.calls.append(("hold", *map(str, operations)))
        words = f"held: {held(operations)}" if operations else f"released: {named(self.holding)}"
        self._by_hand(operations, words, tuple(operations))

    def _by_hand(self, operations, words: str, holding) -> None:
        self.before_hand.append((self.microscope.weights, self.holding))
        weights = operate(self.microscope.config, self.microscope.weights, operations)
        self.microscope.weights, self.holding = weights, holding
        self.edits = (*self.edits, (self.step, words))
        self.by_hand[self.step] = (*self.by_hand.get(self.step, ()), words)
        if self.step < self.head:  # another future
            self.head, self.epoch = self.step, self.epoch + 1

    async def held(self):
        return self.holding

    async def undo(self) -> None:
        self.calls.append(("undo",))
        *kept, words = self.by_hand[self.step]
        self.by_hand[self.step] = tuple(kept)
        self.edits = tuple(one for one in self.edits if one != (self.step, words))
        if self.before_hand:
            self.microscope.weights, self.holding = self.before_hand.pop()

    async def _worked(self, what: str, work, tell):
        """The result of the work, in pieces between which others are heard."""
        self.begun.append(what)
        try:
            while True:
                done_, total = next(work)
                tell(Progress(what, done_, total))
                if self.work_gate is not None:
                    await self.work_gate.wait()
                await asyncio.sleep(0)
        except StopIteration as end:
            return end.value
        except asyncio.CancelledError:
            self.given_up.append(what)
            raise

    @property
    def _trials(self) -> ScriptedTrials | None:
        scope = self.microscope
        if not self.info.heldout_documents:
            return None
        return ScriptedTrials(scope.config, scope.weights, NAMES[:3])

    async def try_out(self, operations, text, tell) -> Tried:
        self.tried.append((*map(str, operations),))
        scope, document = self.microscope, NAMES[self.step % len(NAMES)]
        work = trial(
            scope.config, Letters(), scope.weights, encode(document if text is None else text),
            operations, self._trials, self.step, self.epoch, [encode(name) for name in NAMES[:3]],
        )  # fmt: skip
        return await self._worked("try", work, tell)

    async def rank(self, cuts, tell) -> Ranked:
        assert not cuts, "the screen ranks all parts"
        found: list[Cut] = []

        def told(progress: Progress) -> None:
            tell(RankProgress(progress.stage, progress.done, progress.total, tuple(found)))
            found.clear()

        return await self._worked("rank", self._ranking(lambda *one: found.append(one)), told)

    def _ranking(self, told):
        parts = [one for one in components(self.microscope.config) if one.kind != "neuron"]
        if (trials := self._trials) is None:
            raise LabError(NOTHING_HELD_OUT)
        found = []
        for place, part in enumerate(parts):
            yield place, len(parts)
            found.append((part, finished(trials.trying([Operation(part)]))))
            told(*found[-1])
        ranked = sorted(found, key=dearness)
        return Ranked(self.step, self.epoch, tuple(ranked))

    async def patch(self, patch, tell) -> Patching:
        scope = self.microscope
        work = patching(scope.config, Letters(), scope.weights, patch, self.step, self.epoch)
        return await self._worked("patch", work, tell)

    async def part_at(self, component, step, tell, run=None) -> Operation:
        self.calls.append(("part_at", str(component), step, run))
        tell(Progress(f"going to step {step}", 0, step))
        if run is not None:
            raise LabError(Failure(f"Run {run} has another shape", "Its model has 12 weights."))
        return transplant(component, self.microscope.config, trained(step)[1])

    async def look_inside(self, look: Look) -> Inside:
        self.looks.append(look)
        document = NAMES[self.step % len(NAMES)]
        inside = self.microscope.see(look, document, self.step, self.epoch)
        if self.look_gate is not None:
            await self.look_gate.wait()
        if self.look_trouble is not None:
            raise LabError(self.look_trouble)
        return inside if self.look_seconds is None else replace(inside, seconds=self.look_seconds)

    async def cost(self, step: int | None, to: int | None = None) -> Cost:
        self.calls.append(("cost", step, to))
        return self.price

    async def without(self, step: int, tell, to: int | None = None) -> LeftOut:
        self.calls.append(("without", step, to))
        return await self._replayed(tell, session().replays.without(step))

    async def score(self, tell, *, samples=SAMPLES, seed=SEED, rule=None) -> Scored:
        self.calls.append(("score", samples, seed, rule))
        if self.score_trouble is not None:
            raise LabError(self.score_trouble)

        def work():
            for piece in range(4):
                yield piece, 4
            return scored(samples, seed, rule)

        return await self._worked("score", work(), tell)

    async def influence(self, asked: Influence, tell) -> Influences:
        self.calls.append(("influence", asked))
        return await self._replayed(tell, session().influence.tracing(asked))

    async def _replayed(self, tell, work):
        """What the work finds, on a run of this size; waits at `work_gate` in the middle."""
        tell(Progress("replaying", 1, 4))
        try:
            if self.work_gate is not None:
                await self.work_gate.wait()
        except asyncio.CancelledError:
            self.calls.append(("given up",))
            raise
        return finished(work)

    async def probes(self) -> ProbesState:
        return self.asked

    async def probes_timed(self) -> tuple[ProbesState, float | None]:
        return self.asked, 0.003

    async def sample_timed(self) -> tuple[SampleBatch, float]:
        return await self.sample(), 0.0042

    async def checkpoint(self) -> Checkpoint:
        assert self.info is not None
        return Checkpoint(self.info.spec, self.step, b"", b"", b"", "{}", 0.01)

    async def save(self, path: str) -> None:
        self.saved.append(path)

    async def export(self, path: str, name: str, options, tell) -> None:
        self.calls.append(("export", name, dict(options), path))
        tell(Progress(f"{name}: writing the steps", 1, 3))

    async def close(self) -> None:
        self.calls.append(("close",))
        for _ in range(50):  # the real one takes a while, in which more keys are heard
            await asyncio.sleep(0)
