"""What has to be the same on the machines of a sweep; without Dask, which tests/gallery has."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from playground.lab.protocol.failures import LabError
from playground.lab.sweep.cluster import Cluster, difference, this_machine

OURS = this_machine()


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        (replace(OURS, playground="9.8"), f"has 9.8, and this is {OURS.playground}."),
        (replace(OURS, python="3.99"), f"runs on Python 3.99, and this is {OURS.python}:"),
        (replace(OURS, arithmetic="other"), "of the worker at tcp://a:1 exp, log or another"),
    ],
)
def test_a_worker_whose_numbers_could_differ_is_refused_in_words(theirs, told) -> None:  # type: ignore[no-untyped-def]
    failure = difference(theirs, OURS, "tcp://a:1")
    assert failure is not None and told in failure.message


def test_a_worker_like_the_coordinator_is_taken() -> None:
    assert difference(this_machine(), OURS, "tcp://a:1") is None


def test_a_lost_scheduler_is_noticed_though_no_future_tells_of_it() -> None:
    client = SimpleNamespace(id="a", scheduler_comm=object(), nthreads=lambda: {"b": 1, "c": 2})
    cluster = Cluster(client, "tcp://a:1", None)
    assert cluster.at_once() == 2, "one run a worker, however many threads it has"
    client.scheduler_comm = object()  # connected again, to one that knows nothing of the runs
    with pytest.raises(LabError, match="The connection to tcp://a:1 ended"):
        cluster.at_once()


def test_no_more_runs_are_at_work_than_jobs_allow_and_one_waits_where_there_is_no_worker() -> None:
    client = SimpleNamespace(id="a", scheduler_comm=None, nthreads=lambda: dict.fromkeys("abc", 1))
    assert Cluster(client, "tcp://a:1", 2).at_once() == 2
    client.nthreads = dict
    told: list[str] = []
    cluster = Cluster(client, "tcp://a:1", 2)
    cluster.tell = told.append
    assert (cluster.at_once(), cluster.at_once(), len(told)) == (1, 1, 1)
    assert "has no workers; the sweep waits for one. Start one with: dask worker tcp://" in told[0]
