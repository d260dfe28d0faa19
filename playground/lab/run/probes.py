"""The probes at work: a run's prompts, sampled again and again under the same dice.

Nothing here touches training. A strategy that fails leaves the probes at rest until the chain
is another one, and says why; the run goes on.
"""

from __future__ import annotations

import dataclasses
import random
import time

from playground.hooks.chain import LogitsError
from playground.hooks.errors import PluginError
from playground.lab.probe_answers import Answers
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.probes import ProbeAnswers, ProbeError, ProbeSet, SkippedPrompt
from playground.lab.protocol.sampling import Sampling
from playground.lab.run.guard import failure_of
from playground.lab.run.metrics import NEVER
from playground.lab.run.sampling import Sampler
from playground.lab.run.speed import Ration


class Prober:
    """Asks a probe set by the chain that the run samples by. Takes about a tenth of the time at
    most; the last step of a run is always asked."""

    def __init__(self, sampler: Sampler) -> None:
        self.probes = ProbeSet()
        self.answers = Answers()
        self.skipped: tuple[SkippedPrompt, ...] = ()
        """The prompts that this model cannot be asked."""
        self.trouble: Failure | None = None
        """Why the last probing gave nothing."""
        self._sampler = sampler
        self._asked: dict[int, list[int]] = {}
        """Ids of the prompts that can be asked, by place in the set."""
        self._refused: Sampling | None = None
        """The sampling that a strategy failed with."""
        self._ration = Ration()

    # ------------------------------------------------------------ which

    def set(self, probes: ProbeSet) -> bool:
        """Ask these from now on. True if that makes the answers so far void: they were to other
        questions. Prompts that the model cannot be asked are in `skipped`.

        Raises LabError with `problems` for a set that cannot be; then nothing has changed.
        """
        try:
            probes.check()
        except ProbeError as error:
            title = "Those probes cannot be"
            raise LabError(Failure(title, str(error), problems=error.problems)) from error
        asked: dict[int, list[int]] = {}
        skipped: list[SkippedPrompt] = []
        for place, prompt in enumerate(probes.prompts):
            try:
                asked[place] = self._sampler.encode_prompt(prompt)
            except LabError as error:
                failure = error.failure
                reason = failure.problems.get("prompt", failure.message)
                skipped.append(SkippedPrompt(place + 1, prompt, reason))
        void = not probes.same_questions(self.probes)
        if void:
            self.answers.clear()
        self.probes, self.skipped, self._asked = probes, tuple(skipped), asked
        self.trouble = self._refused = None
        return void

    def take(self, wanted: ProbeSet) -> list[str]:
        """Ask those probes that can be asked; none of a set that cannot be. What a person should
        know."""
        try:
            self.set(wanted)
        except LabError:
            return []
        return [f"{one} is not asked" for one in self.skipped[:1]]

    # ------------------------------------------------------------ when

    @property
    def asking(self) -> bool:
        """Is there anything to ask, and a chain that answers?"""
        return bool(self._asked) and self._sampler.sampling is not self._refused

    def until(self, step: int) -> int:
        """Steps from `step` to the next probing, 1 or more."""
        if not self.asking or not self._ration.left:
            return NEVER
        return self.probes.every - step % self.probes.every

    def due(self, step: int, finished: bool = False) -> bool:
        """Is it this step's turn? The start's, every so many, and the last one's; each once."""
        if not self.asking or step in self.answers:
            return False
        return finished or (step % self.probes.every == 0 and self._ration.left)

    def earn(self, seconds: float) -> None:
        """Training went on for so long."""
        self._ration.earn(seconds)

    # ------------------------------------------------------------ asking

    def after(self, step: int, finished: bool = False) -> ProbeAnswers | None:
        """Ask, if it is this step's turn: the answers, if there are new ones."""
        return self.probe(step) if self.due(step, finished) else None

    def probe(self, step: int) -> ProbeAnswers | None:
        """Ask all prompts now, and keep the answers; None if there are none: see `trouble`.

        The same weights and chain give the same answers at whatever step: the chance depends on
        the seed, the prompt's place and the text's number alone.
        """
        began = time.perf_counter()
        try:
            texts = tuple(
                tuple(self._text(place, number, step) for number in range(self.probes.count))
                if place in self._asked
                else ()
                for place in range(len(self.probes.prompts))
            )
        except PluginError as error:
            self._refused = self._sampler.sampling
            failure = failure_of(error)
            self.trouble = dataclasses.replace(
                failure,
                title="The probes are not asked any more",
                message=f"{failure.title}. {failure.message}. The run goes on. Change the chain "
                "or its plugin, and they are asked again.",
            )
            return None
        except LogitsError as error:
            self.trouble = Failure(
                f"The probes of step {step:,} have no answers",
                f"There is nothing to sample: {error}. The next ones are asked all the same.",
                kind="diverged",
            )
            return None
        finally:
            self._ration.spend(time.perf_counter() - began)
        answers = ProbeAnswers(step, texts, self.probes.questions)
        self.answers.keep(answers)
        self.trouble = None
        return answers

    def _text(self, place: int, number: int, step: int) -> str:
        rng = random.Random(f"{self.probes.seed}:{place}:{number}")
        return self._sampler.text(self._asked[place], step, rng).text
