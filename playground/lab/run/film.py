"""The film strip at work: writes the rows of a run, and keeps them.

A row depends on the run alone: on the weights as its step left them, the run's seed, and the
default chain of strategies. How long a row takes must then decide when it is written, and never
whether. So the camera keeps a copy of the weights where a row stands, and writes the texts when
their time comes: at once while rows have taken no more than half a percent of the training time (a
tenth of it while somebody looks at the film), else later, and as soon as the run stands. What waits
is bounded: a row is written in its place, however long that takes, if the rows that wait would take
MOST_SECONDS, or their weights MOST_BYTES.
"""

from __future__ import annotations

import math
import random
import time
from array import array
from collections.abc import Callable, Iterable

from playground.hooks.chain import LogitsError
from playground.hooks.errors import PluginError
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.film import (
    MOST_TOKENS,
    TEXTS,
    FilmFrame,
    FilmRow,
    FilmText,
    has_row,
    next_row,
)
from playground.lab.run.engines import CurrentEngine, ReadyEngine
from playground.lab.run.guard import failure_of
from playground.lab.run.sampling import Sampler
from playground.lab.run.speed import Ration

MOST_SECONDS = 0.25
"""Seconds that the waiting rows may take together: so long, at most, a pause waits for them."""
MOST_BYTES = 64 << 20
"""Bytes of the weights that are kept for waiting rows."""
LARGE = 20_000
"""Parameters of a model above which a row has one text: three would take too much of the first
thousand steps, and a machine's speed must not decide that."""
GAPS = 1_000
"""How many steps before the end of a record are looked through for rows that a kill has lost."""
_LOOKED_AT = 1.0
"""Seconds after a look at the film during which it has more of the time."""


class FilmRation(Ration):
    """The time for rows of the film."""

    BEGINNING = 0.001
    SHARE = 0.005
    WATCHED = 20.0
    """How many times as much time there is while somebody looks at the film."""


class Camera:
    """Writes the rows of one run, with a Sampler that nobody sets otherwise.

    heard: called with each row as soon as it is written.
    """

    def __init__(
        self,
        sampler: Sampler,
        engine: CurrentEngine,
        parameters: int,
        seed: int,
        heard: Callable[[FilmRow], None],
        left: Callable[[], array[float] | None] = lambda: None,
    ) -> None:
        """sampler: one of its own, with the default chain and no prompt. parameters: how many the
        model has. left: the weights as the last step left them, if something was done to them
        since; None if they are those of the engine."""
        self.rows: dict[int, FilmRow] = {}
        """The rows by step."""
        self.trouble: Failure | None = None
        """Why no rows are written any more: the tokenizer or the engine failed at one."""
        self._sampler = sampler
        self._engine = engine
        self._seed = seed
        self._heard = heard
        self._left = left
        self._size = 8 * parameters
        self._texts = TEXTS if parameters <= LARGE else 1
        self._waiting: dict[int, array[float]] = {}
        """The weights of the rows that are still to be written, by step."""
        self._numbers: dict[int, int] = {}
        """The number of each row in the order of writing, from 1, by step."""
        self._count = 0
        self.cost = math.inf
        """Seconds that the last row took; endless while that is not known."""
        self._ration = FilmRation()
        self._looked_at = -_LOOKED_AT
        self._refused: ReadyEngine | None = None
        """The engine with which a row failed."""

    # ------------------------------------------------------------ when

    @property
    def waiting(self) -> int:
        """How many rows are still to be written."""
        return len(self._waiting)

    def until(self, step: int, most: int) -> int:
        """Steps from `step` to the next row that is not known yet, at most `most`."""
        if self._resting:
            return most
        end, at = step + most, next_row(step)
        while at < end and self._known(at):
            at = next_row(at)
        return min(most, at - step)

    def due(self, step: int) -> bool:
        """True if this step has a row that is neither written nor waiting."""
        return has_row(step) and not self._known(step) and not self._resting

    def _known(self, step: int) -> bool:
        return step in self.rows or step in self._waiting

    @property
    def _resting(self) -> bool:
        """True after a failure, until another engine is at work."""
        return self._refused is self._engine.made

    def earn(self, seconds: float) -> None:
        """Add a share of `seconds` of training to the time for rows."""
        watched = time.monotonic() - self._looked_at < _LOOKED_AT
        self._ration.earn(seconds * (FilmRation.WATCHED if watched else 1))

    # ------------------------------------------------------------ rows

    def pass_by(self, step: int) -> None:
        """Called where the run stands: takes the row of this step, if there is one and it is not
        known, and writes what there is time for. Raises PluginError if the engine does not give
        or take its weights; see `CurrentEngine.holding`."""
        if self.due(step):
            left = self._left()
            if not (self._ration.left or self._full):
                self._waiting[step] = self._weights() if left is None else left
            elif left is None:
                self._write(step)
            else:
                self._write_with(step, left)
        while self._waiting and self._ration.left:
            self.develop()

    @property
    def _full(self) -> bool:
        """True if no more rows may wait."""
        count = len(self._waiting) + 1
        return count * self.cost > MOST_SECONDS or count * self._size > MOST_BYTES

    def _weights(self) -> array[float]:
        made = self._engine.made
        with made.guard.at("read", kind="engine"):
            return made.engine.read("weights")

    def develop(self) -> bool:
        """Write the first row that waits; False if there is none. Raises PluginError, as
        `pass_by`."""
        if not self._waiting:
            return False
        step = min(self._waiting)
        self._write_with(step, self._waiting.pop(step))
        return True

    def finish(self) -> None:
        """Write all rows that wait. Raises PluginError, as `pass_by`."""
        while self.develop():
            pass

    def _write_with(self, step: int, weights: array[float]) -> None:
        """Write a row with other weights than the engine has."""
        with self._engine.holding(lambda _: weights):
            self._write(step)

    def _write(self, step: int) -> None:
        """Write a row with the weights that the engine has."""
        began = time.perf_counter()
        note = ""
        try:
            texts = tuple(self._text(number, step) for number in range(self._texts))
        except LogitsError as error:
            texts, note = (), str(error)
        except PluginError as error:
            self.trouble = failure_of(error)
            self._refused = self._engine.made
            self._waiting.clear()
            return
        finally:
            self.cost = time.perf_counter() - began
            self._ration.spend(self.cost)
        self.trouble = self._refused = None
        row = FilmRow(step, texts, note)
        self._keep(row)
        self._heard(row)

    def _text(self, number: int, step: int) -> FilmText:
        rng = random.Random(f"{self._seed}:film:{number}")
        text, ended, _ = self._sampler.write((), step, rng, MOST_TOKENS)
        return FilmText(text, ended)

    def _keep(self, row: FilmRow) -> None:
        self._count += 1
        self.rows[row.step] = row
        self._numbers.pop(row.step, None)
        self._numbers[row.step] = self._count

    # ------------------------------------------------------------ to and fro

    def recall(self, rows: Iterable[FilmRow]) -> None:
        """Take over the rows from before the run was opened again."""
        for row in rows:
            self._keep(row)

    def gaps(self, until: int) -> list[int]:
        """The steps up to `until` whose rows were lost: a kill loses those that wait. Of a run
        without any row, and of the steps before its first one and more than GAPS before `until`,
        none are missed: they are written when the run comes by again."""
        if not self.rows:
            return []
        found, at = [], max(min(self.rows), until - GAPS - 1)
        while (at := next_row(at)) <= until:
            if not self._known(at):
                found.append(at)
        return found

    def forget_after(self, step: int) -> None:
        """Drop the rows after `step`."""
        for kept in (self.rows, self._numbers, self._waiting):
            for gone in [at for at in kept if at > step]:
                del kept[gone]

    def frame(self, since: int) -> FilmFrame:
        """The rows written after the first `since` ones, for somebody who looks at the film."""
        self._looked_at = time.monotonic()
        new = []
        for step, number in reversed(self._numbers.items()):
            if number <= since:
                break
            new.append(self.rows[step])
        return FilmFrame(since, tuple(reversed(new)), self._count, self.waiting, self.trouble)
