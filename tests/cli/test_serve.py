"""`microgpt-play serve`, as far as it goes without its extra: words, addresses, refusals."""

from __future__ import annotations

import socket
from importlib.util import find_spec

import click
import pytest
from click.testing import CliRunner

from playground.cli.commands import cli
from playground.cli.serve import check_url, origins_of


def test_addresses_are_those_by_which_a_browser_reaches_the_server() -> None:
    here = origins_of("127.0.0.1", 8000, None)
    assert here[0] == "http://127.0.0.1:8000"
    assert {"http://localhost:8000", "http://[::1]:8000"} <= set(here)
    assert origins_of("::1", 80, None)[0] == "http://[::1]"
    assert origins_of("10.1.2.3", 9000, None) == ["http://10.1.2.3:9000"]
    assert origins_of("0.0.0.0", 1, "https://lab.example/") == ["https://lab.example"]
    everywhere = origins_of("0.0.0.0", 8000, None)
    assert everywhere[0] == f"http://{socket.gethostname()}:8000"
    assert "http://127.0.0.1:8000" in everywhere and "http://0.0.0.0:8000" not in everywhere


@pytest.mark.parametrize(
    "url",
    ["", "lab", "ftp://lab", "http://", "http://lab/path", "http://lab?x", "http://me:pw@lab",
     "http://lab:port", "javascript:alert(1)", "http://[::1"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(click.BadParameter):
        check_url(url)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--port", "70000"], "--port"),
        (["--sessions", "0"], "--sessions"),
        (["--url", "lab"], "https://HOST"),
    ],
)
def test_wrong_words_are_named(words: list[str], said: str) -> None:
    done = CliRunner().invoke(cli, ["serve", *words])
    assert done.exit_code == 2 and said in done.output


@pytest.mark.skipif(find_spec("textual_serve") is not None, reason="the extra web is here")
def test_without_its_extra_it_says_how_to_add_it() -> None:
    done = CliRunner().invoke(cli, ["serve"], standalone_mode=False)
    assert done.return_value == 1 and "microgpt-play[web]" in done.output
