"""The Lab with real workers: opening and running, and faults that leave the open run alone."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playground.lab.client.events import OpenProgress
from playground.lab.client.lab import Lab
from playground.lab.client.process import spawn_worker
from playground.lab.protocol.choices import NamedChoices
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.frames import FrameRequest
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.calibrated import PATIENCE
from tests.lab import plugins
from tests.lab.conftest import QUICK, MakeLab, Watched, text_run, until, within


def pid_of(lab: Lab) -> int:
    assert lab.open_run.link is not None
    return lab.open_run.link.process.pid


def ended(pid: int, seconds: float) -> None:
    """Wait for the end of a process, which need not be a child of this one."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([handle], [], [], PATIENCE * seconds)
    finally:
        os.close(handle)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:  # an orphan may be a zombie for a while
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return Path("/proc/self").exists()  # just gone; without /proc nobody can tell


async def opened(labs: MakeLab, spec: RunSpec, *files: Path) -> Watched:
    watched = labs(*files)
    await within(20, watched.lab.open(spec.to_json()))
    return watched


# ---------------------------------------------------------------- the ordinary


async def test_a_run_in_a_worker_is_the_run_of_a_session(
    labs: MakeLab, spec: RunSpec, session: Session
) -> None:
    lab = (await opened(labs, spec)).lab
    await lab.advance(60)
    for _ in range(60):
        session.advance()
    there, here = await lab.frame(), session.frame()
    assert there.metrics == here.metrics
    assert (there.step, there.state) == (60, "paused")
    assert lab.open_run.info is not None and lab.open_run.info.vocabulary == session.info.vocabulary
    assert lab.open_run.catalog is not None and lab.open_run.catalog.find("tokenizer", "char")


async def test_pulled_frames_add_up_to_all_metrics(labs: MakeLab, spec: RunSpec) -> None:
    lab = (await opened(labs, spec)).lab
    await lab.run()
    losses: list[float] = []
    evaluations: list[tuple[int, float]] = []
    state = "running"
    while state == "running":
        frame = await within(10, lab.frame(FrameRequest(since_step=len(losses))))
        assert frame.metrics.first_step == len(losses) + 1
        losses += frame.metrics.losses
        evaluations += frame.metrics.evaluations
        state = frame.state
    assert state == "finished" and len(losses) == 400
    whole = (await lab.frame()).metrics
    assert losses == list(whole.losses)
    assert sorted(set(evaluations)) == list(whole.evaluations)


async def test_a_pace_is_kept_and_left_at_once(labs: MakeLab, spec: RunSpec) -> None:
    watched = await opened(labs, spec)
    lab = watched.lab
    began = time.monotonic()
    await lab.run(50)
    await watched.reaches(25)
    assert time.monotonic() - began > 0.4
    frame = await lab.frame()
    # A busy machine may be slower than the pace, but no burst follows a slow step.
    assert frame.speed == 50 and 5 < frame.steps_per_second < 60
    await lab.run(0.01)  # commands do not wait for the next step, due in 100 seconds
    await within(5, lab.frame())
    await within(5, lab.pause())
    assert (await lab.frame()).state == "paused"


async def test_going_back_and_on_gives_the_same_run(labs: MakeLab, spec: RunSpec) -> None:
    lab = (await opened(labs, spec)).lab
    await lab.advance(100)
    before = await lab.frame()
    await lab.go_to(37)
    there = await lab.frame()
    assert (there.step, there.state) == (37, "paused")
    assert there.epoch == before.epoch and there.head == 100
    assert there.metrics.losses == before.metrics.losses[:37]
    await lab.go_to(100)
    assert (await lab.frame()).metrics == before.metrics


async def test_refused_commands_say_what_is_wrong(labs: MakeLab, spec: RunSpec) -> None:
    lab = (await opened(labs, spec)).lab
    for command, field in (
        (lab.edit({"optimizer.learning_rate": -1.0}), "optimizer.learning_rate"),
        (lab.edit({"seed": 1}), "seed"),
        (lab.observe(Sampling(prompt="?")), "prompt"),
        (lab.go_to(401), "step"),
    ):
        with pytest.raises(LabError) as caught:
            await command
        assert field in caught.value.failure.problems
    assert (await lab.frame()).state == "ready"


async def test_a_lab_without_an_open_run_says_so_at_once(labs: MakeLab) -> None:
    with pytest.raises(LabError) as caught:
        await within(1, labs().lab.frame())
    assert caught.value.failure.kind == "dead"


async def test_the_catalog_is_there_before_a_run(labs: MakeLab, tmp_path: Path) -> None:
    lab = labs(plugins.strategy(tmp_path, "calm", "pass")).lab
    catalog = await within(10, lab.get_catalog())
    entry = catalog.find("strategy", "calm")
    assert entry is not None and entry.origin.endswith("calm.py")


async def test_opening_another_run_closes_the_first_process(
    labs: MakeLab, spec: RunSpec, words: Path
) -> None:
    lab = (await opened(labs, spec)).lab
    first = pid_of(lab)
    epoch = (await lab.frame()).epoch
    await within(20, lab.open(text_run(words, seed=8).to_json()))
    await until(lambda: gone(first))
    assert (await lab.frame()).epoch > epoch


async def test_a_frame_of_the_run_before_is_not_taken_for_one_of_the_new_run(
    labs: MakeLab, spec: RunSpec
) -> None:
    lab = (await opened(labs, spec)).lab
    await lab.advance(7)
    os.kill(pid_of(lab), signal.SIGSTOP)  # as if the worker were busy with a long step
    old, late = pid_of(lab), asyncio.create_task(lab.frame())
    await within(20, lab.open(spec.replace({"seed": 2}).to_json()))
    os.kill(old, signal.SIGCONT)
    with pytest.raises(LabError):
        await within(5, late)
    assert (await lab.frame()).step == 0


async def test_two_labs_at_once_do_not_know_of_each_other(
    labs: MakeLab, spec: RunSpec, words: Path
) -> None:
    one, two = labs(), labs()
    await within(
        30,
        asyncio.gather(
            one.lab.open(spec.to_json()), two.lab.open(text_run(words, seed=8).to_json())
        ),
    )
    await asyncio.gather(one.lab.advance(10), two.lab.advance(20))
    frames = await asyncio.gather(one.lab.frame(), two.lab.frame())
    assert [frame.step for frame in frames] == [10, 20]
    assert frames[0].metrics.losses != frames[1].metrics.losses[:10]


async def test_a_prewarmed_worker_takes_the_first_run(spec: RunSpec) -> None:
    process = spawn_worker()
    lab = Lab(prewarmed=process)
    try:
        await within(20, lab.open(spec.to_json()))
        assert pid_of(lab) == process.pid
    finally:
        await lab.close()
    assert gone(process.pid) and not process.log.exists()


# ---------------------------------------------------------------- the open run is left alone


def refusals(folder: Path) -> dict[str, RunSpec | str]:
    """Specs that cannot be opened, by the fault."""
    files: dict[str, bytes | None] = {
        "empty": b"",
        "blank": b"\n \n",
        "utf-8": b"caf\xe9\n",
        "nul": b"a\0b\n",
        "endless": b"x" * 200_000,
    }
    found: dict[str, RunSpec | str] = {}
    for name, data in files.items():
        path = folder / f"{name}.txt"
        path.write_bytes(data or b"")
        found[name] = text_run(path)
    found["directory"] = text_run(folder)
    found["missing"] = text_run(folder / "nowhere.txt")
    found["heads"] = '{"model": {"n_embd": 10, "n_head": 4}}'
    found["json"] = "{"
    found["tokenizer"] = '{"tokenizer": {"name": "nosuch"}}'
    found["engine"] = '{"engine": "nosuch"}'
    found["knob"] = '{"dataset": {"name": "text-file", "options": {"nosuch": 1}}}'
    found["huge"] = '{"model": {"n_embd": 1024, "n_head": 1, "n_layer": 24}}'
    return found


async def test_bad_input_leaves_the_open_run_training(
    labs: MakeLab, words: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    watched = await opened(labs, text_run(words, steps=1_000_000))
    lab, step = watched.lab, 0
    await lab.run(100)  # steps a second, which leaves the machine to the refusals
    first = pid_of(lab)
    for name, bad in refusals(folder).items():
        with pytest.raises(LabError) as caught:
            await within(20, lab.open(bad if isinstance(bad, str) else bad.to_json()))
        failure = caught.value.failure
        assert failure.kind == "input", (name, failure)
        assert failure.title and len(failure.message) > 10, name
        assert "Traceback" not in failure.message
        await watched.reaches(step + 1)
        frame = await lab.frame()
        assert frame.state == "running", name
        step = frame.step
    assert pid_of(lab) == first


async def test_after_a_refused_first_run_the_next_one_opens(labs: MakeLab, spec: RunSpec) -> None:
    lab = labs().lab
    with pytest.raises(LabError):
        await within(20, lab.open('{"engine": "nosuch"}'))
    await until(lambda: lab._workers.idle is not None)
    ready = lab._workers.idle
    await within(20, lab.open(spec.to_json()))
    assert lab.open_run.link is ready
    assert (await lab.frame()).state == "ready"


async def test_opening_a_large_file_tells_progress_and_can_be_cancelled(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    large = tmp_path / "large.txt"
    large.write_text("".join(f"line {i}\n" for i in range(600_000)), encoding="utf-8")
    watched = await opened(labs, spec)
    lab = watched.lab
    watched.events.clear()
    opening = asyncio.create_task(lab.open(text_run(large).to_json()))
    await watched.event(OpenProgress)
    with pytest.raises(LabError) as caught:
        await lab.open(spec.to_json())
    assert "being opened" in caught.value.failure.title
    assert lab._opener.link is not None
    pid = lab._opener.link.process.pid
    assert lab.cancel_open()
    with pytest.raises(LabError) as caught:
        await within(1, opening)
    assert caught.value.failure.kind == "cancelled"
    await until(lambda: gone(pid))
    assert not lab.cancel_open()
    await lab.advance(3)
    assert (await lab.frame()).step == 3


async def test_a_cancelled_task_ends_the_opening_too(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    slow = plugins.tokenizer(tmp_path, "slow", train="while True: pass")
    watched = labs(slow)
    opening = asyncio.create_task(
        watched.lab.open(spec.replace({"tokenizer.name": "slow"}).to_json())
    )
    await watched.event(OpenProgress)
    assert watched.lab._opener.link is not None
    pid = watched.lab._opener.link.process.pid
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await until(lambda: gone(pid))


# ---------------------------------------------------------------- plugins


async def test_a_plugin_that_floods_the_output_harms_nothing(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    flood = "print('x' * 100_000); os.write(1, b'y' * 10_000); sys.stderr.write('z\\n')"
    file = plugins.tokenizer(tmp_path, "loud", train=flood, encode=flood)
    lab = (await opened(labs, spec.replace({"tokenizer.name": "loud"}), file)).lab
    await within(20, lab.advance(50))
    assert (await lab.frame()).step == 50
    assert lab.open_run.link is not None
    log = lab.open_run.link.process.log
    assert log.stat().st_size < 16 * 1024 * 1024
    await lab.close()
    assert not log.exists()


async def test_a_plugin_that_reads_its_input_finds_none(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    file = plugins.tokenizer(tmp_path, "nosy", train="assert sys.stdin.read() == ''")
    lab = (await opened(labs, spec.replace({"tokenizer.name": "nosy"}), file)).lab
    await lab.advance(2)


async def test_a_plugin_that_fails_is_named_with_place_and_input(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    fails = plugins.tokenizer(tmp_path, "frail", train="raise RuntimeError('no more')")
    watched = await opened(labs, spec, fails)
    with pytest.raises(LabError) as caught:
        await watched.lab.open(spec.replace({"tokenizer.name": "frail"}).to_json())
    failure = caught.value.failure
    assert failure.kind == "plugin" and "frail" in failure.title
    assert "train" in failure.message and "no more" in failure.message
    assert "frail.py" in failure.detail
    await watched.lab.advance(1)


async def test_a_plugin_that_fails_while_training_pauses_at_the_last_good_step(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    file = plugins.tokenizer(
        tmp_path, "moody", encode="if Bad.calls == 60: raise ValueError('not this one')"
    )
    watched = await opened(labs, spec.replace({"tokenizer.name": "moody"}), file)
    lab = watched.lab
    await lab.run()
    async with asyncio.timeout(60):
        while (frame := await lab.frame()).state == "running":
            pass
    assert frame.state == "failed" and frame.trouble is not None
    assert frame.trouble.kind == "plugin"
    for word in ("moody", "encode", "not this one", "given"):
        assert word in frame.trouble.title + frame.trouble.message
    await lab.run()  # encode fails once only
    await watched.reaches(frame.step + 10)


async def test_a_hanging_opening_is_named_and_leaves_the_open_run_training(
    labs: MakeLab, spec: RunSpec, words: Path, tmp_path: Path
) -> None:
    slow = plugins.tokenizer(tmp_path, "slow", train="while True: pass")
    watched = await opened(labs, text_run(words, steps=1_000_000), slow)
    lab = watched.lab
    await lab.run()
    with pytest.raises(LabError) as caught:
        await within(10, lab.open(spec.replace({"tokenizer.name": "slow"}).to_json()))
    failure = caught.value.failure
    assert failure.kind == "hung"
    for word in ("tokenizer 'slow'", str(slow), "train"):
        assert word in failure.message
    assert "slow.py" in failure.detail
    frame = await lab.frame()
    assert frame.state == "running"
    await watched.reaches(frame.step + 5)


async def test_compiled_code_that_does_not_let_go_is_found_and_located(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    endless = "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')"  # keeps the lock of the interpreter
    file = plugins.tokenizer(tmp_path, "tight", train=endless)
    lab = labs(file).lab
    with pytest.raises(LabError) as caught:
        await within(10, lab.open(spec.replace({"tokenizer.name": "tight"}).to_json()))
    failure = caught.value.failure
    assert failure.kind == "hung" and "tokenizer tight" in failure.message
    assert "tight.py" in failure.detail


async def test_a_plugin_that_hangs_when_imported_is_named(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    stuck = tmp_path / "stuck.py"
    stuck.write_text("while True: pass\n", encoding="utf-8")
    lab = labs(stuck).lab
    with pytest.raises(LabError) as caught:
        await within(10, lab.open(spec.to_json()))
    assert caught.value.failure.kind == "hung" and "stuck.py" in caught.value.failure.message


async def test_several_plugins_that_each_take_their_time_to_import_do_not_hang(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    files = [tmp_path / f"slow{number}.py" for number in range(4)]
    for file in files:
        file.write_text("import time\ntime.sleep(0.6)\n", encoding="utf-8")
    assert 0.6 * len(files) > QUICK.plugin > 0.6
    lab = labs(*files).lab
    await within(20, lab.open(spec.to_json()))
    assert (await lab.frame()).state == "ready"


async def test_a_worker_that_is_stopped_and_awakes_in_time_is_not_hung(
    labs: MakeLab, spec: RunSpec
) -> None:
    watched = await opened(labs, spec)
    pid = pid_of(watched.lab)
    os.kill(pid, signal.SIGSTOP)
    frame = asyncio.create_task(watched.lab.frame())
    asyncio.get_running_loop().call_later(0.7, os.kill, pid, signal.SIGCONT)
    assert (await within(5, frame)).state == "ready"


# ---------------------------------------------------------------- the end


async def test_close_ends_a_hung_worker(labs: MakeLab, spec: RunSpec, tmp_path: Path) -> None:
    slow = plugins.tokenizer(tmp_path, "slow", train="while True: pass")
    watched = await opened(labs, spec, slow)
    lab = watched.lab
    watched.events.clear()
    opening = asyncio.create_task(lab.open(spec.replace({"tokenizer.name": "slow"}).to_json()))
    await watched.event(OpenProgress)
    assert lab._opener.link is not None
    processes = [pid_of(lab), lab._opener.link.process.pid]
    os.kill(processes[0], signal.SIGSTOP)
    await within(2, lab.close())
    assert all(map(gone, processes))
    with pytest.raises(LabError):
        await within(1, opening)
    with pytest.raises(LabError):
        await within(1, lab.frame())


@pytest.mark.parametrize("busy", ["pass", "while True: pass"])
def test_the_worker_ends_when_its_screen_is_killed(
    spec: RunSpec, tmp_path: Path, busy: str
) -> None:
    file = plugins.tokenizer(tmp_path, "busy", train=busy)
    script = f"""
import asyncio
from playground.hooks.sources import PluginSources
from playground.lab.client.lab import Lab

async def main():
    def hear(event):
        print(lab._opener.link.process.pid, lab._opener.link.process.log, flush=True)
    lab = Lab(PluginSources(files=({str(file)!r},)), listener=hear)
    await lab.open({spec.replace({"tokenizer.name": "busy", "steps": 10_000_000}).to_json()!r})
    await lab.run()
    await asyncio.Event().wait()

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as screen:
        assert screen.stdout is not None
        pid, log = screen.stdout.readline().decode().split()
        screen.kill()
    ended(int(pid), 5)
    assert gone(int(pid))
    assert not Path(log).exists()


def test_what_lies_in_the_users_folder_is_not_imported(spec: RunSpec, tmp_path: Path) -> None:
    for name in ("random", "queue", "pydantic"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')", encoding="utf-8")
    for name in ("microgpt", "playground"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('shadowed')")
    script = f"""
import asyncio, os
from playground.lab.client.lab import Lab
os.chdir({str(tmp_path)!r})

async def main():
    lab = Lab()
    await lab.open({spec.to_json()!r})
    await lab.advance(2)
    print((await lab.frame()).step)
    await lab.close()

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "2", done.stderr


@pytest.mark.parametrize(
    "module", ["client.lab", "client.process", "protocol.commands", "protocol.pipe"]
)
def test_the_screens_side_loads_nothing_heavy(module: str) -> None:
    script = f"""
import sys
import playground.lab.{module}
print([name for name in ("pydantic", "pluggy", "textual", "safetensors") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------- names of the command line


async def test_the_worker_looks_up_what_the_command_line_names(
    labs: MakeLab, tmp_path: Path, words: Path
) -> None:
    watched = labs(plugins.strategy(tmp_path, "mine", "pass"), plugins.engine(tmp_path, "quick"))
    choices = {"dataset": f'text-file:path="{words}"', "engine": "quick", "schedule": "constant"}
    said = NamedChoices(choices, ("mine", "min-p:min_p=0.5"))
    spec = RunSpec(steps=7).to_json()
    info = await within(20, watched.lab.open(spec, said=said))
    opened = RunSpec.parse(info.spec)
    assert (opened.steps, opened.engine, opened.schedule.name) == (7, "quick", "constant")
    assert opened.dataset.options == {"path": str(words)}
    chain = (Link("mine"), Link("min-p", {"min_p": 0.5}))
    assert info.observation.sampling == Sampling(chain)
    assert watched.lab.open_run.observation.sampling == Sampling(chain)


async def test_a_name_that_means_nothing_is_refused_with_its_option(labs: MakeLab) -> None:
    watched = labs()
    said = NamedChoices({"tokenizer": "chra", "schedule": "linear:x=1"}, ("top-q",))
    with pytest.raises(LabError) as caught:
        await within(20, watched.lab.open("{}", observation=Observation(), said=said))
    failure = caught.value.failure
    assert set(failure.problems) == {"--tokenizer", "--schedule", "--strategy"}
    assert failure.title == "These options cannot be"
    assert "--tokenizer no tokenizer 'chra'; did you mean 'char'?" in failure.message
    await within(20, watched.lab.open("{}"))
