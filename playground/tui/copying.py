"""What the palette hands out of the playground: the command of the open run, and a sample, by the
terminal's clipboard; and how a person is told that a run has ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand

from playground.lab.protocol.failures import LabError
from playground.tui.control.context import Remark
from playground.tui.widgets.gate import to_be_pasted
from playground.window import Notify

if TYPE_CHECKING:
    from playground.lab.protocol.run import Checkpoint
    from playground.lab.store.preferences import Preferences
    from playground.lab.store.records import RunRecord
    from playground.lab.store.remake import Remake
    from playground.tui.caption import Caption
    from playground.tui.control.controller import Controller

ENDS: dict[Notify, tuple[str, str]] = {
    "bell": ("ring the bell", "The terminal's bell, which many show as a mark on the tab"),
    "desktop": ("notify on the desktop", "Where the terminal can do that; elsewhere the bell"),
    "off": ("keep quiet", "Neither bell nor notification"),
}
"""What may happen when a run ends: its name and its description in the palette."""


class Copying:
    """Puts things into the clipboard, and keeps how the end of a run is told.

    copy: App.copy_to_clipboard. plugins: the options that choose the plugins.
    """

    def __init__(
        self,
        controller: Controller,
        caption: Caption,
        preferences: Preferences,
        copy: Callable[[str], None],
        plugins: str,
    ) -> None:
        self._controller = controller
        self._caption = caption
        self._preferences = preferences
        self._copy = copy
        self._plugins = plugins
        self._say = controller.context.say

    def commands(self, later: Callable[..., object]) -> Iterator[SystemCommand]:
        """The commands of the palette. later: App.call_later, because they begin once the palette
        has closed."""
        yield SystemCommand(
            "Copy the command that makes this run",
            "For a shell: the same settings, and so the same losses",
            lambda: later(lambda: self._controller.tasks.do(self.copy_command())),
        )
        yield SystemCommand(
            "Copy the newest sample",
            "The uppermost text of the newest samples",
            lambda: later(self.copy_sample),
        )
        for way, (name, text) in ENDS.items():
            now = " (as now)" if way == self._caption.way else ""
            yield SystemCommand(
                f"When a run ends: {name}{now}", text, partial(later, self.tell_by, way)
            )

    async def copy_command(self) -> None:
        """Put the command that makes the open run into the clipboard; say what it cannot do."""
        controller = self._controller
        if not controller.context.run_is_open():
            return
        checkpoint, record = await controller.lab.checkpoint(), None
        if controller.runs.store is not None and controller.model.run is not None:
            with contextlib.suppress(LabError):
                record = await controller.runs.store.record(controller.model.run)
        made = await asyncio.to_thread(_remake, checkpoint, record, self._plugins)
        if made.command:
            self._copy(made.command)
        self._say(_told(made))

    def copy_sample(self) -> None:
        """Put the uppermost text of the newest samples into the clipboard."""
        batches = self._controller.model.texts
        if not batches or not batches[0].texts:
            self._say(Remark("There is no sample yet", "g samples now."))
            return
        text = batches[0].texts[0].text
        self._copy(to_be_pasted(text))
        self._say(Remark(f"Copied: a sample of step {batches[0].step:,}", text or "It is empty."))

    def tell_by(self, way: Notify) -> None:
        """Tell of the end of a run in this way, now and after the next start."""
        self._caption.way = way
        kept = self._preferences.set("notify", way)
        trouble = "" if kept else f"Only until you leave: {self._preferences.trouble}"
        self._say(Remark(f"When a run ends: {ENDS[way][0]}", trouble))


def _remake(checkpoint: Checkpoint, record: RunRecord | None, plugins: str) -> Remake:
    from playground.lab.store.remake import remake, used_by

    return remake(
        checkpoint.spec,
        checkpoint.edits.made,
        from_start=checkpoint.repeatable,
        run=record.row.id if record is not None else None,
        text=record.text_sha256 if record is not None else "",
        plugins=plugins,
        used=used_by(record) if record is not None else (),
    )


def _told(made: Remake) -> Remark:
    needs = f" It needs the plugins {', '.join(made.needs)}." if made.needs else ""
    if made.exact:
        return Remark("Copied: the command that makes this run", made.command + needs)
    why = f"No one command makes this run again: {'; '.join(made.reasons)}."
    if made.command:
        return Remark(
            "Copied: the command that takes this run elsewhere",
            f"{made.command}\n{why} There, runs import goes on with the file, bit for bit.{needs}",
            "warning",
        )
    return Remark("Nothing was copied", f"{why} ctrl+s saves its model.", "warning")
