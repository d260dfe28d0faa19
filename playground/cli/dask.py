"""`sweep --dask`: the address, and what to do where the extra is missing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import click

from playground.cli.failures import printable
from playground.hooks.gallery import lacking_extra
from playground.lab.sweep import cluster
from playground.lab.sweep.cluster import Cluster
from playground.lab.sweep.pool import processors

LOCAL = "local"
HINT = "--dask"
_ADDRESS = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[^\s/:\[\]@]+):([0-9]{1,5})/?")


@contextlib.contextmanager
def cluster_of(address: str | None, jobs: int | None) -> Iterator[Cluster | None]:
    """The cluster that --dask names, None without it. jobs: the most runs at once, and the workers
    of a local cluster. Raises click.UsageError for an address that is none and without the extra,
    and LabError if no scheduler answers."""
    if address is None:
        yield None
        return
    found = _ADDRESS.fullmatch(address)
    if address != LOCAL and (found is None or not 0 < int(found[3]) < 65536):
        raise click.BadParameter(
            f"{printable(address)!r} is no address of a scheduler. Write tcp://HOST:PORT, as "
            f"`dask scheduler` prints it, or {LOCAL}.",
            param_hint=HINT,
        )
    missing = lacking_extra("dask", cluster.MODULE)
    if missing:
        raise click.BadParameter(f"it {missing}.", param_hint=HINT)
    if address == LOCAL:
        with cluster.local(jobs or processors()) as made:
            yield made
    else:
        with cluster.connected(address, jobs) as made:
            yield made
