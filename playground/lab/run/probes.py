"""The probes at work: a run's prompts, sampled again and again with the same random numbers.

Probing changes nothing of the training. If a strategy fails, the probes rest until the chain is
another one; `Prober.trouble` says why, and the run goes on.
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
    """Asks a probe set with the chain that the run samples with, in at most about a tenth of the
    training time; the last step of a run is always probed."""

    def __init__(self, sampler: Sampler) -> None:
        self.probes = ProbeSet()
        self.answers = Answers()
        self.skipped: tuple[SkippedPrompt, ...] = ()
        """The prompts that the model cannot be asked, and why."""
        self.trouble: Failure | None = None
        """Why the last probing gave nothing."""
        self._sampler = sampler
        self._asked: dict[int, list[int]] = {}
        """The ids of each prompt that can be asked, by its place in the set."""
        self._refused: Sampling | None = None
        """The sampling that a strategy failed with."""
        self._ration = Ration()

    # ------------------------------------------------------------ which

    def set(self, probes: ProbeSet) -> bool:
        """Ask these probes from now on. True if the questions changed, which clears the answers.
        Prompts that the model cannot be asked are in `skipped`.

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
        """Ask those of the probes that can be asked, and none of a set that cannot be; returns a
        sentence about the first skipped prompt."""
        try:
            self.set(wanted)
        except LabError:
            return []
        return [f"{one} is not asked" for one in self.skipped[:1]]

    # ------------------------------------------------------------ when

    @property
    def asking(self) -> bool:
        """True if a prompt can be asked, and the chain has not failed."""
        return bool(self._asked) and self._sampler.sampling is not self._refused

    def until(self, step: int) -> int:
        """Steps from `step` to the next probing, 1 or more; NEVER if there is none."""
        if not self.asking or not self._ration.left:
            return NEVER
        return self.probes.every - step % self.probes.every

    def due(self, step: int, finished: bool = False) -> bool:
        """True if `step` is to be probed: the start, each multiple of `probes.every`, and the last
        step, each once."""
        if not self.asking or step in self.answers:
            return False
        return finished or (step % self.probes.every == 0 and self._ration.left)

    def earn(self, seconds: float) -> None:
        """Add a share of `seconds` of training to the time for probes."""
        self._ration.earn(seconds)

    # ------------------------------------------------------------ asking

    def after(self, step: int, finished: bool = False) -> ProbeAnswers | None:
        """Probe a step that is due; returns the new answers, or None."""
        return self.probe(step) if self.due(step, finished) else None

    def probe(self, step: int) -> ProbeAnswers | None:
        """Ask all prompts now, and keep the answers; None if that failed, and `trouble` says why.

        The same weights and chain give the same answers at any step: the random numbers depend on
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
        return self._sampler.write(self._asked[place], step, rng)[0]
