"""The workers of a Dask scheduler, on this machine or on others, as an Executor.

The COORDINATOR's process connects (`connected`, `local`); the WORKERS run `_answer`. A Dask worker
trains one run at a time, however many threads it has: loading plugins redirects the streams of its
whole process, and threads of Python would not train faster. A worker on which the numbers could
differ, or that lacks the text, does not train: its answer ends the session with a sentence.

Dask itself does the run of a lost worker again. It gives a run up after the scheduler's setting
`allowed-failures`; that run is left out and named. A lost scheduler ends the session (`LabError`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import logging
import math
import pickle
import shutil
import sys
import tempfile
import threading
import time
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from playground.hooks.errors import describe
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.spec import RunSpec
from playground.lab.sweep import unit as work
from playground.lab.sweep.plan import Unit
from playground.lab.sweep.pool import keyboard_blocked
from playground.lab.sweep.unit import Outcome, text_sha256

MODULE = "distributed"
"""What the extra `dask` brings."""
ATTEMPTS = 3
"""How often Dask tries a run whose worker is lost, in a cluster that `local` makes."""
CONNECT = 10.0
"""Seconds within which a scheduler has to answer."""
LOOK = 1.0
"""Seconds between two looks at which workers there are."""
_QUIET = logging.CRITICAL + 10
_TALKERS = ("distributed", "dask", "tornado", "bokeh", "asyncio")
_LOGGERS = (*_TALKERS, "distributed.client", "distributed.gc", "tornado.application")


# ---------------------------------------------------------------- in the coordinator's process


class Cluster:
    """The workers of one scheduler. `executor` has the form that `Coordinator.run` takes."""

    def __init__(self, client: Any, address: str, most: int | None) -> None:
        """client: a distributed.Client. most: the most runs at once; None for one a worker."""
        self._client, self.address, self._most = client, address, most
        self.name = str(client.id)
        """Tells this session from others that use the same workers."""
        self.tell: Callable[[str], None] = lambda _: None
        """Called with a sentence for a person when workers come and go."""
        self.workers: frozenset[str] = frozenset(client.nthreads())
        """The addresses of the workers, as of the last look."""
        self._connection = client.scheduler_comm
        self._asked: Future[dict[str, int]] | None = None
        self._looked = time.monotonic()
        self._told_none = False
        self._closing = False

    def at_once(self) -> int:
        """How many runs may be handed out together now: one a worker, and at least one, which then
        waits for a worker. Raises LabError if the scheduler is lost, of which a run does not tell
        whose result was on its way."""
        if self._client.scheduler_comm is not self._connection:
            raise self._lost()
        self._look()
        if not self.workers and not self._told_none:
            self._told_none = True
            self.tell(
                f"The Dask scheduler at {self.address} has no workers; the sweep waits for one. "
                f"Start one with: dask worker {self.address} --nworkers -1 --nthreads 1"
            )
        return max(1, min(len(self.workers), self._most or len(self.workers)))

    def _look(self) -> None:
        """See which workers there are, without waiting for the answer."""
        if self._asked is not None and self._asked.done():
            asked, self._asked = self._asked, None
            self._looked = time.monotonic()
            with contextlib.suppress(Exception):  # a lost scheduler is noticed by the runs
                found = frozenset(asked.result())
                for gone in sorted(self.workers - found):
                    self.tell(f"The worker at {gone} is gone; Dask does its run again.")
                self.workers = found
                self._told_none = self._told_none and not found
        elif self._asked is None and time.monotonic() - self._looked >= LOOK:
            self._asked = asyncio.run_coroutine_threadsafe(
                self._client.nthreads(asynchronous=True), self._client.loop.asyncio_loop
            )

    @contextlib.contextmanager
    def executor(self) -> Iterator[Executor]:
        """An Executor; what is still at work at its end is cancelled, and the workers give it up.
        A future's `result` raises LabError if the scheduler is lost or a worker refuses."""
        # Not pure: a pure function's result, or its failure, is that of an equal call before.
        inner = self._client.get_executor(pure=False)
        try:
            yield _Executor(self, inner)
        finally:
            self._closing = True
            with contextlib.suppress(Exception):  # there may be no scheduler any more
                inner.shutdown(wait=False)
            self._closing = False

    def settle(self, unit: Unit, inner: Future[bytes], outer: Future[Outcome]) -> None:
        """Turn what Dask says about a run into an outcome, or into an error for a person."""
        if inner.cancelled():
            outer.cancel() if self._closing else outer.set_exception(self._lost())
            return
        error = inner.exception()
        if error is None:
            try:
                found = pickle.loads(inner.result())
            except Exception as unreadable:  # of another version
                outer.set_exception(LabError(_unreadable(unreadable)))
                return
            if isinstance(found, Outcome):
                outer.set_result(found)
            elif isinstance(found, _Raised):
                outer.set_exception(found.error)
            else:
                outer.set_exception(LabError(found))
        elif type(error).__name__ == "KilledWorker":
            outer.set_result(Outcome(unit.setting, unit.seed, trouble=_killed(error)))
        else:
            outer.set_exception(LabError(_unreadable(error)))

    def _lost(self) -> LabError:
        return LabError(
            Failure(
                "The Dask scheduler is lost",
                f"The connection to {self.address} ended: the scheduler ended or was restarted, or "
                "the network did. Start the scheduler and its workers again.",
            )
        )


class _Executor(Executor):
    """Dask's Executor, with the errors of a Cluster."""

    def __init__(self, cluster: Cluster, inner: Any) -> None:
        self._cluster, self._inner = cluster, inner
        self._machine = this_machine()

    def submit(  # type: ignore[override]
        self, train: Callable[[Unit], Outcome], unit: Unit, /
    ) -> Future[Outcome]:
        """Hand a unit to the cluster; `train` is a function of a module."""
        outer: Future[Outcome] = Future()
        call = pickle.dumps(_Call(train, unit, self._machine, self._cluster.name))
        inner = self._inner.submit(pickle.loads, call, key=f"microgpt_run-{uuid.uuid4().hex}")
        inner.add_done_callback(lambda done: self._cluster.settle(unit, done, outer))
        return outer


@dataclass(frozen=True, slots=True)
class _Call:
    """What a worker has to do, which `pickle.loads` does there. So Dask itself, on scheduler and
    workers, handles bytes and a function of the standard library: a worker that cannot import the
    playground says so, where it would else end."""

    train: Callable[[Unit], Outcome]
    unit: Unit
    machine: Machine
    session: str

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return _answer, (self.train, self.unit, self.machine, self.session)


def _killed(error: BaseException) -> Failure:
    tries = getattr(error, "allowed_failures", ATTEMPTS - 1) + 1
    return Failure(
        "Its worker was lost",
        f"That happened {tries} times, perhaps for want of memory. The run is left out.",
        "dead",
    )


def _unreadable(error: BaseException) -> Failure:
    return Failure(
        "A worker cannot read the work",
        f"It says {describe(error)}. Install this version of the playground, "
        f"{version('microgpt-play')}, in the Python of every worker, and start the workers again.",
    )


@contextlib.contextmanager
def connected(address: str, most: int | None) -> Iterator[Cluster]:
    """The cluster of the scheduler at tcp://HOST:PORT or tls://HOST:PORT; `most` as Cluster has it.
    Raises LabError if none answers, and ImportError without the extra."""
    with _silence() as dask:
        try:
            client = dask.Client(address, timeout=CONNECT, set_as_default=False)
            cluster = Cluster(client, address, most)
        except Exception as error:  # whatever listens there may say anything
            raise LabError(
                Failure(
                    "No Dask scheduler answers",
                    f"There is none at {address} ({describe(error)}). Start one with: dask "
                    "scheduler, and give --dask the address that it prints.",
                )
            ) from error
        try:
            yield cluster
        finally:
            _close(client)


@contextlib.contextmanager
def local(jobs: int) -> Iterator[Cluster]:
    """A cluster of so many worker processes for trying, on the loopback alone, without a dashboard.
    Its workers end when this process does, however that ends. Raises LabError if it cannot be made,
    and ImportError without the extra."""
    folder = tempfile.mkdtemp(prefix="microgpt-sweep-")
    try:
        with _silence() as dask, keyboard_blocked() as blocked:
            importlib.import_module("dask").config.set(
                {"distributed.scheduler.allowed-failures": ATTEMPTS - 1}
            )
            try:
                made = dask.LocalCluster(
                    n_workers=jobs,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    local_directory=folder,
                    memory_limit=0,
                    silence_logs=_QUIET,
                )
                client = dask.Client(made, timeout=CONNECT, set_as_default=False)
            except Exception as error:
                raise LabError(
                    Failure(
                        "There is no local cluster",
                        f"Dask could not start one: {describe(error)}. Leave --dask out: then the "
                        "sweep makes worker processes of its own.",
                    )
                ) from error
            blocked.close()
            try:
                yield Cluster(client, client.scheduler.address, None)
            finally:
                _close(client)
                _close(made)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _close(one: Any) -> None:
    with contextlib.suppress(Exception):  # there may be no scheduler any more
        one.close(timeout=5)


@contextlib.contextmanager
def _silence() -> Iterator[Any]:
    """The module `distributed`, which says nothing by itself, here or in the processes that it
    starts: what a person has to know is told by the Cluster."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dask = importlib.import_module("dask")
        dask.config.set({"logging": dict.fromkeys(_LOGGERS, _QUIET)})
        module = importlib.import_module(MODULE)
        known = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _TALKERS]
        for name in {*_LOGGERS, *known}:
            logging.getLogger(name).setLevel(_QUIET)
        yield module


# ---------------------------------------------------------------- in a worker


@dataclass(frozen=True, slots=True)
class Machine:
    """What has to be the same on two machines whose runs are compared."""

    playground: str
    """Its version."""
    python: str
    """As "3.11": a newer one adds up in another order."""
    arithmetic: str
    """A fingerprint of what the functions of the C library give."""


def this_machine() -> Machine:
    """The Machine of this process."""
    values = [
        function(number / 7)
        for function in (math.exp, math.log, math.sin, math.cos, math.sqrt, lambda x: x**-1.7)
        for number in range(1, 400)
    ]
    fingerprint = hashlib.sha256(",".join(map(float.hex, values)).encode()).hexdigest()
    return Machine(
        version("microgpt-play"), ".".join(map(str, sys.version_info[:2])), fingerprint[:12]
    )


def difference(theirs: Machine, ours: Machine, address: str) -> Failure | None:
    """Why runs of a worker do not compare with those of the coordinator; None if they do."""
    if theirs.playground != ours.playground:
        return Failure(
            "A worker has another version of the playground",
            f"The worker at {address} has {theirs.playground}, and this is {ours.playground}. "
            "Install the same version for both.",
        )
    if theirs.python != ours.python:
        return Failure(
            "A worker has another Python",
            f"The worker at {address} runs on Python {theirs.python}, and this is {ours.python}: "
            "the losses would differ in their last digits. Start it with the same Python.",
        )
    if theirs.arithmetic != ours.arithmetic:
        return Failure(
            "A worker calculates differently",
            f"On the machine of the worker at {address} exp, log or another function of the C "
            "library gives other last digits, so its losses would not compare. Leave that machine "
            "out of this sweep, or run the sweep on machines like it alone.",
        )
    return None


_one_at_a_time = threading.Lock()
_last_session = ""


@dataclass(frozen=True, slots=True)
class _Raised:
    """An exception of the training, which is told from those of Dask."""

    error: Exception


def _answer(*call: Any) -> bytes:
    """What `_here` returns, as bytes, which Dask always can hand on."""
    return pickle.dumps(_here(*call))


def _here(
    train: Callable[[Unit], Outcome], unit: Unit, coordinator: Machine, session: str
) -> Outcome | Failure | _Raised:
    """Train a unit in this Dask worker; a Failure says why no run of the sweep can be trained
    here. session: the plugins are loaded anew for each, because a person edits them meanwhile."""
    global _last_session
    worker = importlib.import_module(MODULE).get_worker()
    key, tasks = worker.get_current_task(), worker.state.tasks
    failure = difference(this_machine(), coordinator, worker.address) or _text(unit, worker.address)
    if failure is not None:
        return failure

    def wanted() -> bool:
        task = tasks.get(key)
        return task is not None and task.state != "cancelled"

    with _one_at_a_time:
        if session != _last_session:
            work.registry_of.cache_clear()
            _last_session = session
        work.home, work.wanted = worker.local_directory, wanted
        try:
            return train(unit)
        except Exception as error:
            error.add_note(traceback.format_exc())  # what travels has no traceback
            return _Raised(error)
        finally:
            work.home, work.wanted = None, work.always


def _text(unit: Unit, address: str) -> Failure | None:
    """Why a worker cannot learn from the text; None if it can."""
    spec = RunSpec.parse(unit.spec)
    if not unit.sha256 or text_sha256(spec) == unit.sha256:
        return None
    return Failure(
        "A worker lacks the text",
        f"{spec.dataset.options.get('path')} is not there on the machine of the worker at "
        f"{address}, or is not the text that the sweep began with. Put that text there, under the "
        "same path, on every machine.",
    )
