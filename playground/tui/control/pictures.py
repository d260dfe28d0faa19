"""Pictures of the screen, written to files: an SVG, or a PNG of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from playground.files import write_whole
from playground.hooks.png import NoPngError, png_of
from playground.lab.paths import hindrance, target_of
from playground.lab.protocol.failures import Failure, LabError
from playground.tui.control.context import Context, Remark

FAILED = "The picture could not be written"


async def write_picture(context: Context, svg: str, fonts: str, path: Path) -> None:
    """Write an SVG whose letters are drawn in `fonts`, as a PNG if the path ends so, and tell the
    person. An existing file is replaced. Raises LabError."""
    await context.patience.for_(asyncio.to_thread(_write, svg, fonts, path))
    context.say(Remark("The picture was written", str(path)))


def _write(svg: str, fonts: str, path: Path) -> None:
    try:
        target = target_of(path)
        why = hindrance(target)
        if why is not None:
            raise LabError(Failure(*why))
        # The drawing is first: where none can be made, the file that was there stays.
        data = png_of(svg, fonts, monospace=True) if is_png(path) else svg.encode()
        write_whole(target, data)
    except NoPngError as error:
        raise LabError(Failure(error.title, error.message)) from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise LabError(Failure(FAILED, f"{path}: {reason}.")) from error


def is_png(path: Path) -> bool:
    """True if a file of this name is a PNG, by its ending."""
    return path.suffix.lower() == ".png"
