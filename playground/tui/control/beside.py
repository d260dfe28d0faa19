"""Another model beside the run's own: which one it is, whether a person agreed that it is asked,
and what both wrote to the same prompts.

It is off until a person chooses a writer. The choice, and what the person agreed to, are kept as a
preference; what was written is kept until the playground is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet, SkippedPrompt
from playground.lab.protocol.sampling import SampleBatch
from playground.lab.protocol.writing import (
    Leaving,
    WriterChoice,
    Written,
    kept_of,
    kept_text,
)
from playground.tui.control.context import Context, Remark
from playground.tui.control.sampling import Previews
from playground.tui.control.surgery import Asking

if TYPE_CHECKING:
    from playground.lab.store.preferences import Preferences
    from playground.tui.control.tasks import BackgroundTasks

PREFERENCE = "beside"


@dataclass(slots=True)
class Theirs:
    """What the other model made of one prompt."""

    so_far: str = ""
    """The text that has come while it writes; untrusted."""
    written: Written | None = None
    trouble: Failure | None = None
    """Why there is no text."""
    began: float = field(default_factory=monotonic)

    @property
    def writing(self) -> bool:
        """True while the text is being written."""
        return self.written is None and self.trouble is None

    @property
    def waited(self) -> float:
        """Seconds since it was asked."""
        return monotonic() - self.began


@dataclass(frozen=True, slots=True)
class Ours:
    """A batch of the run's own model, and the seconds that it took."""

    batch: SampleBatch
    seconds: float


@dataclass(frozen=True, slots=True)
class OursAsked:
    """The run's own answers to its probes, where it stood."""

    probes: ProbeSet
    answers: ProbeAnswers | None
    skipped: tuple[SkippedPrompt, ...]
    seconds: float | None
    """None if the answers were there before."""


class Beside:
    """What the screen of the other model asks of the lab."""

    def __init__(
        self,
        context: Context,
        tasks: BackgroundTasks,
        previews: Previews,
        preferences: Preferences | None,
    ) -> None:
        """preferences: keep the choice; None to forget it with the playground."""
        self._context = context
        self._previews = previews
        self._preferences = preferences
        self.own, self.other = Asking(context, tasks), Asking(context, tasks)
        self.texts: dict[str, Theirs] = {}
        """What the chosen writer made of each prompt."""
        self.choice: WriterChoice | None = None
        self.agreed: Leaving | None = None
        """What the person agreed to; None if that was never asked."""
        self._ours: Ours | None = None
        self._asked: OursAsked | None = None
        self._of: object = None
        """The run that `_ours` and `_asked` are of."""
        kept = preferences.get(PREFERENCE, "") if preferences is not None else ""
        if found := kept_of(kept):
            self.choice, self.agreed = found

    # ------------------------------------------------------------ which one

    def choose(self, choice: WriterChoice | None) -> None:
        """Ask this writer from now on; None for none. What was agreed to is forgotten with the
        writer; of another one, or with other knobs, it is compared with what leaves then."""
        self.other.give_up()
        if choice is None:
            self.agreed = None
        if choice != self.choice:
            self.texts.clear()
        self.choice = choice
        self._keep()

    def agree(self, leaving: Leaving) -> None:
        """Note that the person agreed to what leaves the machine."""
        self.agreed = leaving
        self._keep()

    def _keep(self) -> None:
        if self._preferences is None:
            return
        text = "" if self.choice is None else kept_text(self.choice, self.agreed)
        if not self._preferences.set(PREFERENCE, text):
            trouble = f"Only until you leave: {self._preferences.trouble}"
            self._context.say(Remark("The other model is not remembered", trouble, "warning"))

    async def leaving(self) -> Leaving:
        """What leaves this machine when the chosen writer is asked. Raises LabError."""
        assert self.choice is not None
        return await self._context.lab.writing.leaving(self.choice)

    def must_ask(self, leaving: Leaving) -> bool:
        """True if the person has to agree before anything is sent."""
        return bool(leaving.address) and leaving != self.agreed

    # ------------------------------------------------------------ both columns

    @property
    def ours(self) -> Ours | None:
        """The last batch of this run; None if there is none."""
        return self._ours if self._of is self._context.model.info else None

    @property
    def asked(self) -> OursAsked | None:
        """The last answers of this run to its probes; None if they were not asked for."""
        return self._asked if self._of is self._context.model.info else None

    def sample(self) -> None:
        """Let the run's own model write to the prompt."""
        self.own.ask(self._sample(), "sampling")

    def answer(self) -> None:
        """Let the run's own model answer its probes, where it stands."""
        self.own.ask(self._answer(), "asking")

    def ask(self, prompts: Sequence[str], leaving: Leaving) -> None:
        """Let the other model continue these prompts, one after another. leaving: what leaves, as
        the person agreed to it. The first failure ends it: the next would most likely fail too."""
        self.other.ask(self._write(tuple(prompts), leaving), "writing")

    def give_up(self) -> None:
        """End what is under way, and the process of the writer."""
        self.own.give_up()
        self.other.give_up()
        for prompt in [prompt for prompt, one in self.texts.items() if one.writing]:
            del self.texts[prompt]
        self._context.lab.writing.end()

    async def _sample(self) -> None:
        lab, model = self._context.lab, self._context.model
        await self._previews.send()
        info = model.info
        batch, seconds = await lab.sample_timed()
        self._take(info)
        self._ours = Ours(batch, seconds)

    async def _answer(self) -> None:
        info = self._context.model.info
        state, seconds = await self._context.lab.probes_timed()
        self._take(info)
        last = state.answers[-1] if state.answers else None
        before = self._asked
        if seconds is None and before is not None and before.answers == last:
            seconds = before.seconds
        self._asked = OursAsked(state.probes, last, state.skipped, seconds)

    def _take(self, info: object) -> None:
        if self._of is not info:
            self._ours = self._asked = None
        self._of = info

    async def _write(self, prompts: tuple[str, ...], leaving: Leaving) -> None:
        choice, lab = self.choice, self._context.lab
        assert choice is not None
        for prompt in prompts:
            one = self.texts[prompt] = Theirs()

            def tell(text: str, one: Theirs = one) -> None:
                one.so_far = text
                self._context.changed()

            try:
                one.written = await lab.writing.write(choice, prompt, leaving, tell)
            except LabError as error:
                one.trouble = error.failure
                return
            finally:
                if one.writing:  # given up
                    self.texts.pop(prompt, None)
                self._context.changed()
