"""How the end of a training process is told: it died, it fell silent, or a plugin in it hangs.

The screen's watchdog and that of the command line (`playground.cli.supervisor`) say the same.
"""

from __future__ import annotations

import signal

from playground.lab.protocol.commands import Pong
from playground.lab.protocol.failures import Failure

FROM_OUTSIDE = frozenset(
    number
    for number in (
        getattr(signal, name, None)
        for name in (
            "SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGALRM", "SIGVTALRM", "SIGPROF",
            "SIGXCPU", "SIGXFSZ", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGPOLL", "SIGPWR",
        )
    )
    if number is not None
)  # fmt: skip
"""Signals that the system or a person sends; code that crashes raises others."""


def from_outside(code: int | None) -> bool:
    """True for the exit code of a process that a signal from outside ended."""
    return code is not None and -code in FROM_OUTSIDE


def death(code: int | None, tail: str) -> Failure:
    """Why a process ended that was not asked to. code: its exit code, negative for a signal;
    tail: the last lines of its log."""
    external = from_outside(code)
    if external:
        how = "was ended from outside"
        why = f"Signal {signal_name(-code)}" if code else "A signal"
        message = f"{why} ended it; the system does that too when memory runs out."
    elif code is not None and code < 0:
        how = "crashed"
        message = (
            f"It died of signal {signal_name(-code)}. Pure Python does not do that: look at "
            "plugins that bring compiled code."
        )
    else:
        how = "ended by itself"
        message = f"Its exit code was {code}. A plugin may have ended it."
    last = tail.strip().splitlines()[-1:] if not external else []
    if last:
        message += f" Its last words: {last[0]}"
    return Failure(f"The training process {how}", message, kind="dead", detail=tail)


def signal_name(number: int) -> str:
    """ "SIGSEGV"; the number itself for a signal without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def silence(seconds: float, stage: str, tail: str) -> Failure:
    """Why a process that no longer answers was given up. stage: what it told of last."""
    last = f" The last it told of was: {stage}." if stage else ""
    return Failure(
        "The training process does not answer",
        f"Nothing was heard of it for {seconds:.0f} s. It is stopped, or compiled code in a "
        f"plugin does not let go.{last}",
        kind="hung",
        detail=tail,
    )


def hang(pong: Pong, cure: str) -> Failure:
    """Why a process in which a plugin hangs was given up. cure: what to do, in a sentence."""
    place = f" from {pong.place}" if pong.place else ""
    who = "A plugin" if pong.label == "a plugin" else f"The {pong.label}"
    return Failure(
        f"A plugin hangs: {pong.label}",
        f"{who} has not returned{place} for {pong.seconds:.0f} s. {cure}",
        kind="hung",
        detail=pong.stack,
    )
