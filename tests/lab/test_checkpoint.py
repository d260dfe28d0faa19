"""Checkpoints are kept bit for bit and written whole or not at all; errors say what is wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import struct
from pathlib import Path
from typing import Any

import pytest
import safetensors

from microgpt.surgery import Component, Operation
from playground.hooks.registry import Registry
from playground.lab.checkpoint import (
    CheckpointError,
    from_bytes,
    read_checkpoint,
    to_bytes,
    write_checkpoint,
)
from playground.lab.floats import floats_of
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.frames import FrameRequest, MatrixView
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.run.saved_model import SavedModel
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab.conftest import MakeLab, text_run
from tests.lab.test_session import losses, walk


@pytest.fixture
def trained(session: Session) -> Session:
    walk(session, 20)
    session.edit({"optimizer.learning_rate": 0.02})
    walk(session, 13)
    return session


def test_a_checkpoint_is_read_as_it_was_written(trained: Session, tmp_path: Path) -> None:
    checkpoint = trained.checkpoint()
    path = write_checkpoint(tmp_path / "run.safetensors", checkpoint)
    assert dataclasses.replace(read_checkpoint(path), epoch=checkpoint.epoch) == checkpoint


def test_going_on_from_a_file_equals_going_on(
    trained: Session, registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "run.safetensors"
    trained.save(str(path))
    saved = read_checkpoint(path)
    again = Session.open(RunSpec.parse(saved.spec), registry, checkpoint=saved)
    views = tuple(MatrixView("wte", kind) for kind in ("weights", "gradients", "second_moment"))
    look = FrameRequest(matrices=views, document=False)
    assert again.frame(look).matrices == trained.frame(look).matrices
    assert again.info.resumed_at == 33
    walk(trained, 40)
    walk(again, 40)
    there, here = again.frame(), trained.frame()
    assert there.metrics == here.metrics
    assert there.tokens_seen == here.tokens_seen
    assert there.base_learning_rate == here.base_learning_rate == 0.02
    assert there.document == here.document
    assert again.checkpoint().weights == trained.checkpoint().weights


def test_from_a_checkpoint_one_can_go_back_to_before_it(
    trained: Session, registry: Registry
) -> None:
    again = Session.open(trained.spec, registry, checkpoint=trained.checkpoint())
    again.go_to(25)
    trained.go_to(25)
    assert losses(again) == losses(trained)
    assert again.checkpoint().weights == trained.checkpoint().weights


def test_a_checkpoint_without_series_goes_on_too(trained: Session, registry: Registry) -> None:
    again = Session.open(trained.spec, registry, checkpoint=trained.checkpoint(series=False))
    walk(again, 2)
    walk(trained, 2)
    frame = again.frame()
    assert frame.metrics.first_step == 34
    assert list(frame.metrics.losses) == losses(trained)[-2:]
    again.go_to(5)
    assert losses(again) == losses(trained)[:5]
    again.go_to(35)
    assert losses(again) == losses(trained)


def test_on_changed_data_a_checkpoint_goes_on_and_says_so(
    trained: Session, registry: Registry, words: Path
) -> None:
    checkpoint = trained.checkpoint()
    words.write_text("\n".join(reversed(words.read_text().split())))
    again = Session.open(trained.spec, registry, checkpoint=checkpoint)
    assert "not those" in again.info.notices[0].text
    assert again.frame().earliest == 33
    walk(again, 3)
    words.write_text("zzz\n@@@\n")
    with pytest.raises(LabError) as caught:
        Session.open(trained.spec, registry, checkpoint=checkpoint)
    assert "data have changed" in caught.value.failure.title


def test_other_tools_read_a_checkpoint(trained: Session, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    trained.save(str(path))
    data = path.read_bytes()
    tensors = dict(safetensors.deserialize(data))
    (length,) = struct.unpack_from("<Q", data)
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    for name in ("wte", "wpe", "lm_head", "layer0.attn_wq", "layer0.mlp_fc2"):
        assert {name, f"first_moment.{name}", f"second_moment.{name}"} <= set(tensors)
    assert tensors["wte"]["dtype"] == "F64" and tensors["wte"]["shape"] == [24, 8]
    assert metadata["step"] == "33"
    assert RunSpec.parse(metadata["spec"]) == trained.spec


def test_a_saved_model_samples_without_its_data(
    trained: Session, registry: Registry, words: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run.safetensors"
    trained.save(str(path))
    words.unlink()
    model = SavedModel.load(path, registry)
    sampling = Sampling(prompt="c", count=4)
    trained.observe(sampling)
    mine, its = trained.sample(), model.sample(sampling)
    assert [text.text for text in its.texts] == [text.text for text in mine.texts]
    assert model.sample().texts != its.texts


# ---------------------------------------------------------------- the file


def test_a_checkpoint_is_written_whole_or_not_at_all(
    trained: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.safetensors"
    trained.save(str(path))
    before = path.read_bytes()
    walk(trained, 1)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LabError) as caught:
        trained.save(str(path))
    assert "No space left" in caught.value.failure.message
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.glob("*run*")] == ["run.safetensors"]


def test_a_replaced_file_keeps_its_permissions(trained: Session, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    trained.save(str(path))
    path.chmod(0o600)
    trained.save(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_tilde_means_the_home_folder(
    trained: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    trained.save("~/run.safetensors")
    assert (tmp_path / "run.safetensors").exists()


@pytest.mark.parametrize("where", ["nowhere/run.safetensors", "."])
def test_a_place_that_cannot_be_written_is_refused(
    trained: Session, tmp_path: Path, where: str
) -> None:
    with pytest.raises(LabError) as caught:
        trained.save(str(tmp_path / where))
    assert "folder" in caught.value.failure.title


def edited(data: bytes, **metadata: str) -> bytes:
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"].update(metadata)
    return headed(json.dumps(header)) + data[8 + length :]


def headed(header: str) -> bytes:
    packed = header.encode()
    return struct.pack("<Q", len(packed)) + packed


@pytest.mark.parametrize(
    ("change", "title"),
    [
        (lambda _: b"", "not a checkpoint"),
        (lambda _: b"just some text, and nothing else", "not a checkpoint"),
        (lambda data: data[:40], "not a checkpoint"),
        (lambda data: data[:-100], "damaged"),
        (lambda data: data + b"more", "damaged"),
        (lambda _: headed('{"__metadata__": 3}'), "not a checkpoint of"),
        (lambda data: edited(data, version="3"), "newer"),
        (lambda data: edited(data, version="²"), "newer"),
        (lambda data: edited(data, version="9" * 9_999), "newer"),
        (lambda data: edited(data, format="pt"), "not a checkpoint of"),
        (lambda data: edited(data, spec="{"), "damaged"),
        (lambda data: edited(data, step="many"), "damaged"),
        (lambda data: edited(data, spec='{"model":{"n_embd":16}}'), "does not fit"),
        (lambda data: edited(data, spec='{"model":{"n_layer":2}}'), "do"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_in_words(
    trained: Session, change: Any, title: str
) -> None:
    data = to_bytes(trained.checkpoint())
    with pytest.raises(CheckpointError) as caught:
        from_bytes(change(data), "x.safetensors")
    assert title in caught.value.title or title in caught.value.message
    assert "x.safetensors" in caught.value.message


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(CheckpointError):
            read_checkpoint(path)


def test_a_checkpoint_of_another_shape_does_not_fit(
    trained: Session, words: Path, registry: Registry
) -> None:
    wider = text_run(words, model={"n_embd": 16, "n_head": 2, "block_size": 8})
    with pytest.raises(LabError) as caught:
        Session.open(wider, registry, checkpoint=trained.checkpoint())
    assert "does not fit" in caught.value.failure.title


async def test_a_worker_saves_and_opens_too(labs: MakeLab, spec: RunSpec, tmp_path: Path) -> None:
    lab = labs().lab
    await lab.open(spec.to_json())
    await lab.advance(10)
    path = tmp_path / "run.safetensors"
    await lab.save(str(path))
    saved = read_checkpoint(path)
    assert saved == dataclasses.replace(await lab.checkpoint(), epoch=0)
    with pytest.raises(LabError):
        await lab.save(str(tmp_path / "nowhere" / "run.safetensors"))
    await lab.open(saved.spec, checkpoint=saved)
    frame = await lab.frame()
    assert (frame.step, frame.state, len(frame.metrics.losses)) == (10, "paused", 10)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_file_is_neither_replaced_nor_waited_for(
    trained: Session, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(CheckpointError, match="This is not a file"):
        write_checkpoint(pipe, trained.checkpoint())
    with pytest.raises(CheckpointError, match="This is not a file"):
        read_checkpoint(pipe)
    assert pipe.is_fifo()


@pytest.mark.skipif(os.name != "posix", reason="links are a privilege here")
def test_a_link_stays_a_link(trained: Session, tmp_path: Path) -> None:
    real, link = tmp_path / "real.safetensors", tmp_path / "link.safetensors"
    link.symlink_to(real)
    write_checkpoint(link, trained.checkpoint())
    assert link.is_symlink()
    assert read_checkpoint(real).step == 33


@pytest.mark.parametrize("name", ["~nobody-of-that-name/run.safetensors", "a" * 300])
def test_a_place_that_cannot_be_is_said(
    trained: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError):
        write_checkpoint(name, trained.checkpoint())
    with pytest.raises(CheckpointError):
        read_checkpoint(name)


def test_a_saved_run_keeps_its_chain_and_the_values_of_its_knobs(
    session: Session, tmp_path: Path
) -> None:
    chain = (Link("top-k", {"top_k": 7}), Link("min-p", {"min_p": 0.2}, enabled=False))
    sampling = Sampling(chain=chain, prompt="c", count=3, every=50, seed=9)
    session.observe(sampling)
    session.advance()
    path = tmp_path / "chain.safetensors"
    session.save(str(path))
    assert read_checkpoint(path).sampling == sampling


def test_a_saved_run_has_the_operated_weights_and_can_take_the_operation_back(
    trained: Session, registry: Registry, tmp_path: Path
) -> None:
    left = trained.training.engine.read("weights")
    plain = to_bytes(trained.checkpoint())
    assert b'"version":"1"' in plain, "an earlier version of the program opens it"
    trained.surgeon.operate([Operation(Component("head", 0, 1))])
    trained.surgeon.hold([Operation(Component("position", index=0))])
    now = trained.training.engine.read("weights")
    path = write_checkpoint(tmp_path / "cut.safetensors", trained.checkpoint())
    read = read_checkpoint(path)
    assert floats_of(read.weights) == now and floats_of(read.before) == left
    assert b'"version":"2"' in path.read_bytes()[:100_000]
    again = Session.open(trained.spec, registry, checkpoint=read)
    assert again.training.engine.read("weights") == now
    assert again.surgeon.undo() == "head 1 of layer 0 cut, held: position 0 at 0"
    assert again.training.engine.read("weights") == left


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("surgery", '[[1,"head:0.9"]]'),
        ("surgery", '[[1,"head:0.1=x"]]'),
        ("hold", '[[1,"[b]"]]'),
        ("hold", "[[1,5]]"),
    ],
)
def test_a_saved_operation_that_cannot_be_is_refused(
    trained: Session, registry: Registry, field: str, value: str
) -> None:
    data = edited(to_bytes(trained.checkpoint()), **{field: value})
    with pytest.raises(CheckpointError, match=r"damaged|does not fit"):
        Session.open(trained.spec, registry, checkpoint=from_bytes(data))
