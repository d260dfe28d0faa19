"""Opens runs and models: new ones, saved ones, and recorded ones."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from playground.hooks.errors import KnobError, UnknownNameError
from playground.hooks.manager import load as load_plugins
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources, expanded
from playground.lab.checkpoint import CheckpointError, read_checkpoint
from playground.lab.notebook.models import FileModel, Model
from playground.lab.notebook.run import Run
from playground.lab.notebook.settings import Settings, begun, by_field, refused
from playground.lab.paths import usual_plugins
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.sampling import Sampling
from playground.lab.run.choices import choice
from playground.lab.run.saved_model import ReadModel, SavedModel
from playground.lab.session import Session, session_at
from playground.lab.spec import RunSpec, SpecError
from playground.lab.store.query import Query
from playground.lab.store.store import Store
from playground.lab.store.transfer import ENDING, import_run

Plugins = bool | Sequence[str | os.PathLike[str]]
"""Which plugins are loaded beside the built-ins: True for those that the command line loads, the
installed ones and those of the user's folder; False for none; paths of plugin files for these, and
those of True."""
_SAVED = ".safetensors"


def open(
    data: str | os.PathLike[str] = "names",
    *,
    split: str | None = None,
    plugins: Plugins = True,
    **settings: Unpack[Settings],
) -> Run:
    """A new run, before its first step.

    data: a data set as the command line names it ("names", "mine:knob=1"), or the path of a text
    file; a Path is always a file. split: how the file is cut into documents: "lines", "paragraphs"
    or "windows"; without it the text decides. settings: the others are as `microgpt-play train`
    has them. Raises LabError, which names each setting that cannot be.
    """
    registry = _registry(plugins)
    said: dict[str, Any] = {**settings}
    if "dataset" in said:
        raise refused({"dataset": "is what the first argument names: leave it out"})
    found = by_field(registry, said)
    found["dataset"] = _dataset(registry, data, split)
    observation = Observation(Sampling(every=0))
    session = Session.open(begun(found), registry, observation=observation)
    return Run(session, registry)


def load(
    path: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    plugins: Plugins = True,
) -> Run:
    """A saved run, where it stood: a .safetensors file, whose data must still be there, or a
    .microgpt-run, which holds its text. The file stays as it is.

    data: where the text file is now, if it was moved since a .safetensors file was saved; a notice
    of the run tells if it is another text. Raises LabError.
    """
    registry, file = _registry(plugins), expanded(path)
    if file.suffix == ENDING:
        if data is not None:
            raise refused({"data": f"are in the {ENDING} itself: leave it out"})
        with (
            tempfile.TemporaryDirectory(prefix="microgpt-play-") as folder,
            Store.open(Path(folder) / "runs.sqlite", create=True) as store,
        ):
            import_run(store, file)
            (row,) = store.runs(Query(limit=1))
            return Run(session_at(store, row.id, None, registry), registry)
    checkpoint = read_checkpoint(file)
    try:
        spec = RunSpec.parse(checkpoint.spec)
    except SpecError as error:
        raise LabError(Failure("The saved settings cannot be", f"{error}.")) from error
    if data is not None:
        if "path" not in spec.dataset.options:
            raise refused({"data": f"are {spec.dataset.name}, and no file: leave it out"})
        spec = spec.replace({"dataset.options.path": str(expanded(data).absolute())})
        checkpoint = replace(checkpoint, spec=spec.to_json())
    try:
        session = Session.open(spec, registry, checkpoint=checkpoint)
    except CheckpointError:
        raise
    except LabError as error:
        advice = (
            "Going on needs the data that the run learnt from: playground.load(path, data=FILE) "
            "takes a text that was moved. To sample and to look inside, playground.model(path) "
            "needs none."
        )
        raise LabError(Failure(error.title, f"{error.message} {advice}")) from error
    return Run(session, registry)


def model(path: str | os.PathLike[str], *, plugins: Plugins = True) -> Model:
    """The model of a .safetensors file, without the data that it learnt from: it writes, and can
    be looked into. Raises LabError."""
    registry = _registry(plugins)
    checkpoint = read_checkpoint(expanded(path))
    saved = SavedModel.of(checkpoint, registry)
    if saved.notice:
        warnings.warn(saved.notice, stacklevel=2)
    return FileModel(registry, saved, ReadModel.of(checkpoint, registry))


def recorded(run: int | str, *, at: int | None = None, plugins: Plugins = True) -> Run:
    """A run of the record, as it was after any of its steps.

    run: its number, its name, or the beginning of its uid, as `microgpt-play runs list` shows them.
    at: the step; None for where the run stood last. The record stays as it is, also if the run
    trains here. Raises LabError.
    """
    with Store.open(create=False) as store:
        row = store.find(str(run))
        registry = _registry(plugins)
        return Run(session_at(store, row.id, at, registry), registry)


def _dataset(registry: Registry, data: str | os.PathLike[str], split: str | None) -> Any:
    """The data set as RunSpec has it."""
    path = expanded(data)
    if isinstance(data, str):
        try:
            found = choice(registry, "dataset", data)
        except KnobError as error:
            raise refused({"dataset": str(error)}) from error
        except UnknownNameError as error:
            if not path.exists() and not path.suffix and path.name == data:
                raise LabError(
                    Failure(error.title, f"{error.message}. There is no file {data!r} either.")
                ) from error
        else:
            if split is not None:
                raise refused({"split": "is for a text file"})
            return found
    if path.suffix in (_SAVED, ENDING):
        raise LabError(
            Failure("This is a saved run", f"playground.load({os.fspath(data)!r}) opens it.")
        )
    options = {"path": str(path.absolute())}
    return {"name": "text-file", "options": options | ({"split": split} if split else {})}


def _registry(plugins: Plugins) -> Registry:
    """The contributions that there are. Warns of plugins that could not be used."""
    if plugins is False:
        sources = PluginSources(entry_points=False, folder=None)
    elif plugins is True:
        sources = usual_plugins()
    else:
        files = (plugins,) if isinstance(plugins, str | os.PathLike) else plugins
        sources = usual_plugins(tuple(str(expanded(one).absolute()) for one in files))
    registry = load_plugins(sources)
    for problem in registry.problems:
        warnings.warn(f"plugin {problem.plugin}: {problem.message}", stacklevel=3)
    return registry
