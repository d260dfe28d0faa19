"""The download, the cache, and the errors when the network misbehaves.

The server is this test's own. Its file is a stand-in, whose checksum takes the place of the true
one; the true file is tested only if it is there.
"""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import microgpt_play_makemore
from microgpt_play_makemore import dataset as dataset_module
from microgpt_play_makemore.dataset import MakemoreKnobs, MakemoreNames
from playground.api import DatasetError

REPOSITORY = Path(__file__).parents[3]
NAMES = [f"name{letter * (number % 9)}" for number in range(8_000) for letter in "ab"]
FILE = "\n".join(NAMES).encode()
CHANGED = FILE.replace(b"namea", b"nomea", 1)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setattr(dataset_module, "SHA256", hashlib.sha256(FILE).hexdigest())
    monkeypatch.setattr(dataset_module, "SIZE", len(FILE))
    monkeypatch.setenv("no_proxy", "*")


def names(url: str, patience: float = 20) -> MakemoreNames:
    return MakemoreNames(MakemoreKnobs(url=url, patience=patience))


def nothing(*_: object) -> None:
    pass


def failure(url: str, cache: Path, patience: float = 20) -> DatasetError:
    """The error of prepare, which leaves no file behind and gives no documents."""
    dataset = names(url, patience)
    with pytest.raises(DatasetError) as caught:
        dataset.prepare(cache, nothing)
    assert not list(cache.iterdir()), "a failed download left something in the cache"
    with pytest.raises(DatasetError, match="not there yet"):
        dataset.documents()
    assert "Try again" in caught.value.message
    assert str(cache / "names.txt") in caught.value.message
    return caught.value


def test_the_playground_finds_it_as_an_installed_plugin():
    (entry,) = (e for e in entry_points(group="microgpt_play") if e.name == "makemore")
    assert entry.load() is microgpt_play_makemore


def test_what_the_network_needs_is_not_imported_before_there_is_something_to_fetch():
    code = (
        "import sys, playground.api, microgpt_play_makemore as plugin\n"
        "(it,) = plugin.microgpt_datasets(); it.factory(it.knobs())\n"
        "sys.exit('http.client' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_names_arrive_with_progress_and_are_kept_whole(server, tmp_path):
    said = []
    dataset = names(server.gives("/names.txt", FILE))
    dataset.prepare(tmp_path, lambda *words: said.append(words))
    assert list(dataset.documents()) == NAMES == list(dataset.documents())
    assert dataset.count() == len(NAMES)
    assert (tmp_path / "names.txt").read_bytes() == FILE
    assert [path.name for path in tmp_path.iterdir()] == ["names.txt"]
    done = [bytes_done for what, bytes_done, _ in said if what.startswith("downloading")]
    assert done[0] == 0 and done[-1] == len(FILE) and done == sorted(done) and len(done) > 3
    assert {total for _, _, total in said} == {len(FILE)}


def test_the_second_time_nobody_is_asked(server, tmp_path):
    names(server.gives("/names.txt", FILE)).prepare(tmp_path, nothing)
    again = names(server.gives("/names.txt", FILE))
    again.prepare(tmp_path, nothing)
    assert server.asked == ["/names.txt"]
    assert list(again.documents()) == NAMES


@pytest.mark.parametrize(
    "damaged", [CHANGED, FILE[:-1], FILE + b"\n", b""], ids=["changed", "cut", "longer", "empty"]
)
def test_a_damaged_copy_in_the_cache_is_fetched_anew(damaged, server, tmp_path):
    (tmp_path / "names.txt").write_bytes(damaged)
    dataset = names(server.gives("/names.txt", FILE))
    dataset.prepare(tmp_path, nothing)
    assert list(dataset.documents()) == NAMES
    assert (tmp_path / "names.txt").read_bytes() == FILE


def test_a_redirection_is_followed(server, tmp_path):
    server.gives("/names.txt", FILE)
    names(server.says("/moved", 302, location="/names.txt")).prepare(tmp_path, nothing)
    assert server.asked == ["/moved", "/names.txt"]


def test_a_file_fetched_another_way_will_do(tmp_path):
    (tmp_path / "fetched.txt").write_bytes(FILE)
    dataset = names((tmp_path / "fetched.txt").as_uri())
    dataset.prepare(tmp_path / "cache", nothing)
    assert list(dataset.documents()) == NAMES


def test_a_file_changed_on_the_way_is_refused(server, tmp_path):
    error = failure(server.gives("/changed", CHANGED), tmp_path)
    assert error.title == "That is not makemore's names.txt"
    assert hashlib.sha256(CHANGED).hexdigest()[:12] in error.message


@pytest.mark.parametrize(
    ("sent", "promised"),
    [
        (FILE[:100_000], len(FILE)),  # the connection is lost
        (FILE[:100_000], 100_000),  # half a file, said to be the whole
        (b"<html>Sign in to this network</html>", None),
    ],
    ids=["lost", "half", "another-page"],
)
def test_a_file_that_ends_too_soon_is_refused(sent, promised, server, tmp_path):
    error = failure(server.gives("/truncated", sent, promised), tmp_path)
    assert error.title == "The download broke off"
    assert f"{len(sent):,} of {len(FILE):,} bytes" in error.message


def test_a_file_without_end_is_let_go(server, tmp_path):
    url = server.repeats("/endless", b"x" * 65_536, every=0)
    assert failure(url, tmp_path).title == "That is another file"


@pytest.mark.parametrize("sent", [b"", FILE[:100_000]], ids=["at-once", "half-way"])
def test_a_server_that_falls_silent_is_not_waited_for(sent, server, tmp_path):
    url = server.stalls("/stalled", sent, promised=len(FILE))
    error = failure(url, tmp_path, patience=0.2)
    assert error.title == "The network is silent"
    assert "for 0.2 seconds" in error.message


def test_a_server_that_drips_for_ever_is_not_waited_for(server, tmp_path):
    error = failure(server.repeats("/drip", b"x", every=0.02), tmp_path, patience=0.1)
    assert error.title == "The download is too slow"
    assert "After 1 seconds" in error.message


def test_a_file_that_is_gone_is_said_to_be(server, tmp_path):
    error = failure(server.says("/gone", 404), tmp_path)
    assert error.title == "The file is not there any more"
    assert "404" in error.message


def test_a_server_that_refuses_is_quoted(server, tmp_path):
    error = failure(server.says("/busy", 503), tmp_path)
    assert error.title == "The download was refused"
    assert "503 (Service Unavailable)" in error.message


@pytest.mark.parametrize("location", ["/circle", Path(__file__).as_uri()])
def test_a_redirection_that_must_not_be_followed_is_not(location, server, tmp_path):
    url = server.says("/circle", 302, location)
    assert failure(url, tmp_path).title == "The download leads nowhere"


def test_offline_it_says_so(monkeypatch, tmp_path):
    def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    error = failure("", tmp_path)
    assert error.title == "There is no connection"
    assert "raw.githubusercontent.com" in error.message and "offline" in error.message


def test_where_nobody_listens_the_reason_is_given(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = failure(f"http://127.0.0.1:{unused.getsockname()[1]}/names.txt", tmp_path)
    assert error.title == "The download failed"
    assert "refused" in error.message


@pytest.mark.parametrize(
    "url", ["names.txt", "ftp://127.0.0.1/names.txt", "C:\\names.txt", "x:\x1b"]
)
def test_what_is_no_address_is_not_tried(url, tmp_path):
    error = failure(url, tmp_path)
    assert error.title == "That is no address of a file"
    assert "\x1b" not in error.message


def test_what_the_one_who_waits_raises_ends_it(server, tmp_path):
    class Cancelled(Exception):
        pass

    def cancel(what: str, done: int, total: int) -> None:  # noqa: ARG001
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        names(server.gives("/names.txt", FILE)).prepare(tmp_path, cancel)
    assert not list(tmp_path.iterdir())


def test_a_cache_that_cannot_be_a_folder_is_said_so(server, tmp_path):
    (tmp_path / "cache").write_text("a file stands here")
    with pytest.raises(DatasetError, match="cannot be kept"):
        names(server.gives("/names.txt", FILE)).prepare(tmp_path / "cache", nothing)


def test_a_disk_that_is_full_leaves_no_half_file(server, tmp_path, monkeypatch):
    def full(self: Path, target: Path) -> None:  # noqa: ARG001
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DatasetError, match="No space left"):
        names(server.gives("/names.txt", FILE)).prepare(tmp_path, nothing)
    assert not list(tmp_path.iterdir())


def test_the_true_file_has_the_checksum_and_all_its_names(monkeypatch, tmp_path):
    monkeypatch.undo()
    beside = REPOSITORY.parent / "shared" / "reference"
    true = Path(os.environ.get("MICROGPT_REFERENCE", beside)) / "names.txt"
    if not true.is_file():
        pytest.skip("makemore's names.txt is not here; set MICROGPT_REFERENCE to its folder")
    dataset = names(true.as_uri())
    dataset.prepare(tmp_path, nothing)
    found = list(dataset.documents())
    assert len(found) == dataset.count() == dataset_module.COUNT
    assert (found[0], found[-1]) == ("emma", "zzyzx")
    assert true.stat().st_size == dataset_module.SIZE
