"""`microgpt-play serve`: who comes in and who does not, and sessions that end with their page."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("textual_serve") is None or sys.platform == "win32":
    pytest.skip("the extra web is not installed: make gallery", allow_module_level=True)

import aiohttp
from hypothesis import given
from hypothesis import strategies as st

from playground.web.uploads import FILES, IN_ALL, LONGEST, MOST, UploadError, safe_name, take
from tests.serving import Client, processes_of, serving


async def refused(client: Client, **headers: str) -> int:
    """The status with which a socket is refused; 0 if it is not."""
    try:
        async with client.page(**headers):
            return 0
    except aiohttp.WSServerHandshakeError as error:
        return error.status


async def test_without_the_token_nothing_is_served(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, server.client("") as stranger:
        for path in ("/", "/state", "/files/a.txt", "/ws", "/?token=", "/?token=wrong",
                     f"/?token={server.server.token[:-1]}", f"/?token={server.server.token}x",
                     "/?token=%C3%A4"):  # fmt: skip
            status, text = await stranger.get(path)
            assert status == 403 and server.server.token not in text, path
        assert (await stranger.post("/files?name=a.txt", b"anna"))[0] == 403
        assert await refused(stranger) == 403
        assert await refused(stranger, Cookie="microgpt_play=x") == 403
        assert server.sessions.count == 0 and not (tmp_path / "homes").exists()


async def test_the_token_lets_in_and_stands_in_no_later_address(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, server.client() as client:
        async with client.http.get(f"{server.origin}/?token={server.server.token}") as answer:
            assert answer.status == 200 and str(answer.url) == f"{server.origin}/"
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert answer.headers["Referrer-Policy"] == "no-referrer"
        [cookie] = client.http.cookie_jar
        assert cookie["httponly"] and cookie["samesite"] == "Lax"
        assert cookie.value != server.server.token


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", "0.0.0.0"]
)
async def test_another_host_is_refused(tmp_path: Path, host: str) -> None:
    async with serving(tmp_path) as server, server.client() as client:
        assert (await client.get("/", Host=host))[0] == 403
        assert (await client.get(f"/?token={server.server.token}", Host=host))[0] == 403
        assert await refused(client, Host=host) == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1", "https://127.0.0.1:{port}", ""]
)
async def test_a_page_of_another_origin_reads_and_types_nothing(
    tmp_path: Path, origin: str
) -> None:
    async with serving(tmp_path) as server, server.client() as client:
        foreign = origin.replace("{port}", server.origin.rpartition(":")[2])
        assert await refused(client, Origin=foreign) == 403
        assert (await client.post("/files?name=a.txt", b"anna", Origin=foreign))[0] == 403
        assert (await client.get("/state", Origin=foreign))[0] == 403
        assert server.sessions.count == 0


async def test_a_request_that_changes_something_names_its_page(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, server.client() as client:
        address = f"{server.origin}/files?name=a.txt"
        async with client.http.post(address, data=b"anna") as answer:  # no Origin at all
            assert answer.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.http.ws_connect(f"{server.origin}/ws")


async def test_what_is_typed_comes_back_and_a_new_size_is_told(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as server,
        server.client() as client,
        client.page((90, 30)) as page,
    ):
        await page.until("[here 90 x 30]")
        await page.type("h\u00e9llo")
        await page.until("<h\u00e9llo>")
        await page.socket.send_str('["resize", {"width": 100, "height": 40}]')
        await page.until("[100 x 40]")
        await page.socket.send_str('["resize", {"width": 100000, "height": -4}]')
        await page.until("[500 x 5]")
        for garbage in ("", "[]", "{}", "null", "[1]", '["stdin"]', '["stdin", 4]',
                        '["resize", {}]',
                        '["resize", {"width": "a", "height": 1e400}]', '["quit"]',
                        "[" * 9999):  # fmt: skip
            await page.socket.send_str(garbage)
        await page.type("still there")
        await page.until("<still there>")


async def test_a_page_that_is_loaded_again_finds_its_session(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, server.client() as client:
        async with client.page() as page:
            await page.until("[here")
            [before] = processes_of(server.folder / "homes" / "visitor-1")
        async with client.page() as page:
            await page.until("[anew]")
            assert processes_of(server.folder / "homes" / "visitor-1") == [before]
            await page.type("me again")
            await page.until("<me again>")


async def test_a_closed_page_ends_all_processes_within_ten_seconds(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "visitor-1"
    async with serving(tmp_path) as server, server.client() as client:
        async with client.page() as page:
            await page.until("[here")
            await page.type("child")  # in a session of its own, deaf to a hang-up
            await page.until("<child>")
            assert len(processes_of(home)) == 2
        began = time.monotonic()
        while processes_of(home) and time.monotonic() < began + 30:
            await asyncio.sleep(0.05)
        assert time.monotonic() - began < 10
        assert server.sessions.count == 0


async def test_a_program_that_ends_closes_its_page_and_another_may_begin(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, server.client() as client:
        async with client.page() as page:
            await page.until("[here")
            await page.type("q")
            await page.until_closed()
        async with client.page() as page:
            await page.until("[here")


async def test_a_page_that_was_asked_for_and_never_came_ends_its_session_too(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as server, server.client() as client:
        assert (await client.get("/"))[0] == 200
        assert server.sessions.count == 1, "it starts while the browser loads the page"
        async with client.page((90, 30)) as page:
            await page.until("[here")
            await page.until("[90 x 30]", "here 90 x 30")
            await page.type("q")
            await page.until_closed()
        assert (await client.get("/state"))[0] == 200  # the closed page goes on asking
        assert (await client.post("/files?name=a.txt", b"anna"))[0] == 200
        assert server.sessions.count == 0
        assert (await client.get("/"))[0] == 200
        async with asyncio.timeout(20):
            while server.sessions.count or processes_of(server.folder / "homes" / "visitor-1"):
                await asyncio.sleep(0.05)


async def test_visitors_have_sessions_and_homes_of_their_own(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as server,
        server.client() as one,
        server.client() as other,
        one.page() as first,
        other.page() as second,
    ):
        await first.until("[here")
        await second.until("[here")
        await first.type("secret")
        await first.until("<secret>")
        await second.type("hello")
        await second.until("<hello>")
        assert b"secret" not in second.seen
        assert (await one.post("/files?name=mine.txt", b"anna"))[0] == 200
        assert "mine.txt" not in (await other.get("/state"))[1]
        assert (await other.get("/files/mine.txt"))[0] == 404
        assert (await one.get("/files/mine.txt")) == (200, "anna")


async def test_there_is_no_51st_session(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, AsyncExitStack() as there:
        pages = []
        for _ in range(50):
            client = await there.enter_async_context(server.client())
            pages.append(await there.enter_async_context(client.page()))
        for page in pages:
            await page.until("[here")
        async with server.client() as late:
            assert await refused(late) == 503
            status, text = await late.get("/")
            assert status == 503 and "All 50 sessions" in text
            assert server.sessions.count == 50
            await pages[7].type("q")
            await pages[7].until_closed()
            async with late.page() as page:
                await page.until("[here")


async def test_those_who_watch_see_and_type_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, show=True) as server, server.client() as presenter:
        watching = server.server.watching
        assert watching and watching != server.server.token
        async with server.client(watching) as watcher:
            assert 'data-role="watches"' in (await watcher.get("/"))[1]
            assert 'data-role="types"' in (await presenter.get("/"))[1]
            async with presenter.page((100, 30)) as steers, watcher.page((20, 10)) as watches:
                await steers.until("[here")
                await steers.type("see")
                await watches.until("<see>")
                await watches.type("mine")
                await watches.socket.send_str('["resize", {"width": 44, "height": 11}]')
                await steers.type("end")
                await steers.until("<end>")
                await watches.until("<end>")
                assert b"mine" not in steers.seen + watches.seen and b"44" not in steers.seen
                assert (await watcher.post("/files?name=a.txt", b"anna"))[0] == 403
                assert server.sessions.count == 1


async def test_a_page_that_takes_nothing_holds_up_nobody(tmp_path: Path) -> None:
    """6 MB are written at once: the page that reads gets the end soon, the one that does not gets
    a whole picture when it reads again."""
    async with serving(tmp_path, show=True) as server, server.client() as presenter:  # noqa: SIM117 - read in order
        async with server.client(server.server.watching) as watcher:
            async with presenter.page() as steers, watcher.page() as watches:
                await steers.until("[here")
                await steers.type("much")
                await steers.until("[end]", "[anew]")
                await watches.until("[anew]")
                assert len(watches.seen) < 100 * 65536


# ------------------------------------------------------------ files


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def endless(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536):
        yield bytes(65536)


@given(st.text() | st.text(alphabet="./\\:~ a\0\x1b\n\u202e\ud800", max_size=300))
def test_the_name_of_an_upload_is_one_name_whatever_it_was(name: str) -> None:
    safe = safe_name(name)
    assert safe and "/" not in safe and "\\" not in safe and "\0" not in safe
    assert safe not in (".", "..") and not safe.startswith(".") and safe.isprintable()
    assert len(safe) <= LONGEST and len(safe.encode()) <= 4 * LONGEST
    assert safe_name(safe) == safe


async def test_uploads_stay_in_their_folder_and_replace_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (tmp_path / "text.txt").write_text("mine")
    for name in ("../text.txt", "/etc/passwd", "..", "", "text.txt", "text.txt", "a\0b", ".bashrc"):
        path = await take(folder, name, None, chunks(b"an", b"na"))
        assert path.parent == folder and path.read_bytes() == b"anna"
    assert (tmp_path / "text.txt").read_text() == "mine"
    names = {path.name for path in folder.iterdir()}
    assert {"text.txt", "text (2).txt", "text (3).txt", "passwd", "bashrc"} <= names
    assert len(names) == 8


async def test_a_gigabyte_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    taken = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal taken
        async for chunk in endless(1 << 30):
            taken += len(chunk)
            yield chunk

    for size in (1 << 30, None):  # as the browser says, and without a word
        with pytest.raises(UploadError) as error:
            await take(tmp_path, "big.txt", size, counted())
        assert error.value.status == 413 and "16 MiB" in str(error.value)
    assert taken <= MOST + 65536
    assert list(tmp_path.iterdir()) == []


async def test_the_files_of_a_visitor_have_an_end(tmp_path: Path) -> None:
    for _ in range(IN_ALL // MOST):
        await take(tmp_path, "big.txt", None, endless(MOST))
    with pytest.raises(UploadError, match="no room"):
        await take(tmp_path, "one.txt", None, chunks(b"a"))
    for path in tmp_path.iterdir():
        path.unlink()
    for number in range(FILES):
        (tmp_path / str(number)).touch()
    with pytest.raises(UploadError, match="no room"):
        await take(tmp_path, "one.txt", None, chunks(b"a"))


async def test_only_the_visitor_s_own_files_are_handed_out(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    async with serving(tmp_path) as server, server.client() as client:
        folder = server.folder / "homes" / "visitor-1" / "files"
        folder.mkdir(parents=True)
        (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
        (folder / "page.html").write_text("<script>alert(1)</script>")
        for name in ("../../../secret.txt", "..%2F..%2F..%2Fsecret.txt", "%2e%2e/secret.txt",
                     "link.txt", "%2Fetc%2Fpasswd", ".", "", "a%00b"):  # fmt: skip
            status, text = await client.get(f"/files/{name}")
            assert status in (403, 404, 405) and "secret" not in text, name
        async with client.http.get(f"{server.origin}/files/page.html") as answer:
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for name in ("", "images/", "js/textual.js", "..%2fpage.html", "server.py"):
            assert (await client.get(f"/static/{name}"))[0] == 404


async def test_an_upload_is_handed_to_the_program_as_a_dropped_file(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, server.client() as client, client.page() as page:
        await page.until("[here")
        assert (await client.post("/files?name=my text.txt", b"anna"))[0] == 200
        path = server.folder / "homes" / "visitor-1" / "files" / "my text.txt"
        await page.until(f"<\x1b[200~{path}\x1b[201~>")


async def test_nothing_of_the_server_s_environment_reaches_a_visitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-secret")
    code = "import os; print(sorted(os.environ)); print('[end]')"
    async with serving(tmp_path, words=(sys.executable, "-c", code)) as server:  # noqa: SIM117 - read in order
        async with server.client() as client, client.page((500, 50)) as page:
            await page.until("[end]")
            assert b"MY_API_KEY" not in page.seen and b"MICROGPT_PLAY_FENCE" in page.seen


# ------------------------------------------------------------ the playground itself

PLAY = (sys.executable, "-P", "-m", "playground.cli.served", "play", "--no-plugins")


async def test_no_dialog_leads_out_of_the_given_folder(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "rivers.txt").write_text("rhine\nnile\ndanube\n" * 20)
    (tmp_path / "secret.txt").write_text("a secret\n" * 20)
    (tmp_path / "texts" / "way-out").symlink_to(tmp_path / "secret.txt")
    async with (
        serving(tmp_path, words=PLAY, files=tmp_path / "texts") as server,
        server.client() as client,
        client.page((120, 36)) as page,
    ):
        await page.until("ready", seconds=60)
        await page.type("d")
        await page.until("rivers.txt")
        for path in (tmp_path / "secret.txt", "way-out", "../secret.txt", "/etc/passwd", "/none"):
            await page.type(f"\x15{path}")  # ctrl+u empties the line
            page.seen.clear()
            await page.type("\r")
            await page.until("This lies outside the folders of this session")
            assert b"a secret" not in page.seen and b"root:" not in page.seen
        await page.type("\x15rivers.txt")
        await page.until("danube")
        await page.type("\r")
        await page.until("60 documents")
        await page.type("s")
        await page.until("step 1/")
        await page.type("x")
        await page.until("Export")
        await page.type(f"\x15{tmp_path / 'out.csv'}")
        await page.until("outside the folders of this session")
        await page.type("\r")
        assert not (tmp_path / "out.csv").exists()
    assert sorted(path.name for path in (tmp_path / "texts").iterdir()) == ["rivers.txt", "way-out"]
