"""The sessions of visitors: each a playground in a process and a home of its own, which a page may
leave for a moment and find again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from playground.fence import VARIABLE as FENCE
from playground.fence import Fence
from playground.web.terminal import Terminal, end_all_that_have

AWAY = 5.0
"""Seconds that a session waits for a page that was closed or is loaded again."""
BEHIND = 1 << 20
"""Bytes that wait for a page; one that is further behind gets the next whole picture instead."""
NARROWEST, WIDEST = 20, 500
LOWEST, HIGHEST = 5, 200
USUAL = (120, 36)
"""The size of a session, (columns, rows), until its first page tells another."""
SESSION = "MICROGPT_PLAY_SESSION"
"""The environment variable by which the processes of a session are known."""
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")
"""What a session gets of the server's environment."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What sessions are, and what visitors may."""

    words: tuple[str, ...]
    """The program and its words, which no shell reads."""
    sessions: int = 50
    """The most sessions at once."""
    files: Path | None = None
    """A folder whose texts visitors may open; None for none."""
    also: tuple[Path, ...] = ()
    """Files outside that `words` names."""
    show: bool = False
    """One session for all, in which the presenter alone types."""
    trust: bool = False
    """Visitors are as good as the person who serves: no fence, and the environment of the
    server."""


class Page:
    """What one page is sent: pictures, as fast as it takes them."""

    def __init__(
        self, send: Callable[[bytes], Awaitable[None]], behind: Callable[[], None]
    ) -> None:
        """send: hands bytes to the page, and waits while it takes none. behind: called when the
        page has taken all that it was not too far behind for."""
        self._send, self._behind = send, behind
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._lost = False
        self._news = asyncio.Event()

    def put(self, data: bytes) -> None:
        if self._bytes + len(data) > BEHIND:
            self._lost = True  # the rest would garble the picture
        if not self._lost:
            self._waiting.append(data)
            self._bytes += len(data)
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled, or until the page is gone (ConnectionError)."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                data = b"".join(self._waiting)
                self._waiting.clear()
                self._bytes = 0
                await self._send(data)
            if self._lost:
                self._lost = False
                self._behind()


class Session:
    """A visitor's playground."""

    def __init__(self, home: Path, rules: Rules, ended: Callable[[Session], None]) -> None:
        """home: the folder of all files of the session. ended: called once, when the program has
        ended or nobody came back."""
        self.home, self._rules, self._told = home, rules, ended
        self.files = home / "files"
        self._name = secrets.token_hex(8)  # the next session has this home, too
        self.pages: dict[Page, bool] = {}
        """The pages that show this session, and whether one types."""
        self.over = asyncio.Event()
        """Set when the program has ended."""
        self._terminal: Terminal | None = None
        self._size = USUAL
        self._leaving: asyncio.TimerHandle | None = None
        self._starting = asyncio.Lock()
        self._early: list[bytes] | None = []
        """What was drawn before the first page was there; None from then on."""

    # ------------------------------------------------------------ the program

    async def start(self, size: tuple[int, int]) -> None:
        """Start the program, unless it runs. Raises OSError."""
        async with self._starting:
            if self._terminal is not None:
                return
            for folder in (self.files, self.home / "tmp"):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._size = _clamped(size)
            self._terminal = await Terminal.start(
                self._rules.words,
                folder=self._rules.files or self.files,
                environment=self._environment(),
                size=self._size,
                output=self._drawn,
                ended=self._ended,
            )

    def _environment(self) -> dict[str, str]:
        rules, home = self._rules, self.home
        mine = dict(os.environ) if rules.trust else {
            name: os.environ[name] for name in _KEPT if name in os.environ
        }  # fmt: skip
        mine |= {
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONUTF8": "1",
            SESSION: self._name,
            # The person's own folders are no place for the runs of visitors, whoever they are.
            "MICROGPT_PLAY_HOME": str(home / "data"),
        }
        mine.pop("NO_COLOR", None)
        if not rules.trust:
            folders = [rules.files] if rules.files is not None else []
            fence = Fence(
                files=tuple(map(str, (*folders, *rules.also))),
                own=(str(self.files), str(home)),
            )
            mine |= {
                "HOME": str(home),
                "TMPDIR": str(home / "tmp"),
                "PYTHONDONTWRITEBYTECODE": "1",
                FENCE: fence.to_json(),
            }
        return mine

    def _drawn(self, data: bytes) -> None:
        if self._early is not None:
            self._early.append(data)
        for page in self.pages:
            page.put(data)

    async def prepare(self) -> None:
        """Start the program for a page that is on its way. Raises OSError."""
        if self._terminal is None:
            await self.start(self._size)
        self._wait_for_a_page()

    def _ended(self) -> None:
        self.over.set()
        self._told(self)

    # ------------------------------------------------------------ its pages

    def open(self, page: Page, size: tuple[int, int], *, types: bool) -> None:
        """Show the session on a page, which gets a whole picture."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        self.pages[page] = types
        early, self._early = self._early, None
        for data in early or ():
            page.put(data)
        if types or len(self.pages) == 1:
            self.resize(size)
        if early is None:
            self.draw_anew()

    def close(self, page: Page) -> None:
        """The page is gone; without another one, the session ends after AWAY seconds. A session
        that is shown to all stays."""
        self.pages.pop(page, None)
        self._wait_for_a_page()

    def _wait_for_a_page(self) -> None:
        if self.pages or self.over.is_set() or self._rules.show:
            return
        if self._leaving is not None:
            self._leaving.cancel()
        self._leaving = asyncio.get_running_loop().call_later(AWAY, self._ended)

    def draw_anew(self) -> None:
        if self._terminal is not None:
            self._terminal.draw_anew()

    def type(self, data: bytes) -> None:
        if self._terminal is not None:
            self._terminal.write(data)

    def resize(self, size: tuple[int, int]) -> None:
        self._size = _clamped(size)
        if self._terminal is not None:
            self._terminal.resize(self._size)

    @property
    def size(self) -> tuple[int, int]:
        """(columns, rows)"""
        return self._size

    async def end(self) -> None:
        """End the program and all that it has started."""
        if self._leaving is not None:
            self._leaving.cancel()
        if self._terminal is not None:
            await self._terminal.end()
            await asyncio.to_thread(end_all_that_have, SESSION, self._name)
        self.over.set()


@dataclass(slots=True)
class Visitor:
    """Somebody whom the server knows by a cookie."""

    number: int
    presents: bool
    session: Session | None = None


class Sessions:
    """All sessions of a server, and the visitors that they belong to."""

    def __init__(self, folder: Path, rules: Rules, say: Callable[[str], None]) -> None:
        """folder: of the homes. say: tells the person who serves."""
        self._folder, self.rules, self._say = folder, rules, say
        self._open: set[Session] = set()
        self._shared: Session | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        return len(self._open)

    def of(self, visitor: Visitor) -> Session | None:
        """The visitor's session: the one before, or a new one; None where there are too many."""
        session = self.current(visitor)
        if session is not None:
            return session
        if self.count >= self.rules.sessions:
            self._say(f"visitor {visitor.number} was refused: {self.count} sessions are open")
            return None
        home = self._home(visitor)
        session = Session(home, self.rules, self._over)
        self._open.add(session)
        if self.rules.show:
            self._shared = session
        else:
            visitor.session = session
        self._say(f"{home.name} begins; sessions: {self.count} of {self.rules.sessions}")
        return session

    def current(self, visitor: Visitor) -> Session | None:
        """The visitor's session that is open; None if there is none."""
        session = self._shared if self.rules.show else visitor.session
        return session if session in self._open else None

    def files_of(self, visitor: Visitor) -> Path:
        """The folder of the visitor's files, which outlives the session."""
        folder = self._home(visitor) / "files"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def _home(self, visitor: Visitor) -> Path:
        return self._folder / ("shared" if self.rules.show else f"visitor-{visitor.number}")

    def _over(self, session: Session) -> None:
        if session in self._open:
            self._open.discard(session)
            task = asyncio.get_running_loop().create_task(self._end(session))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _end(self, session: Session) -> None:
        await session.end()
        self._say(f"{session.home.name} has ended; sessions: {self.count}")

    async def end(self) -> None:
        """End all sessions."""
        for session in list(self._open):
            self._over(session)
        while self._ending:
            await asyncio.wait(self._ending)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(shutil.rmtree, self._folder)


def _clamped(size: Sequence[int]) -> tuple[int, int]:
    columns, rows = size
    return min(max(columns, NARROWEST), WIDEST), min(max(rows, LOWEST), HIGHEST)
