"""The window around a terminal: its title, its progress, its notifications, and the way back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.window import Window, notification, takes_progress, takes_title, title
from tests.hostile.texts import ATTACKS

XTERM = {"TERM": "xterm-256color"}
WINDOWS = {**XTERM, "WT_SESSION": "1"}


def written(*shows: tuple[str, str, float], environment: dict[str, str]) -> list[str]:
    said: list[str] = []
    window = Window(said.append, environment)
    for one in shows:
        window.show(*one)  # type: ignore[arg-type]
    window.leave()
    return said


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (XTERM, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/x"}, True),
        ({"TERM": "screen"}, False),  # GNU screen gives no title back
        ({"TERM": "linux"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "vt100"}, False),
        ({"TERM": "sttest"}, False),
        ({}, False),
        ({**XTERM, "NO_COLOR": "1"}, True),
        ({**XTERM, "MICROGPT_PLAY_TITLE": "0"}, False),
        ({"TERM": "linux", "MICROGPT_PLAY_TITLE": "1"}, True),
    ],
)
def test_only_terminals_that_have_a_title_get_one(environment: dict[str, str], expected: bool):
    assert takes_title(environment) is expected


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (XTERM, False),  # nobody knows what it makes of OSC 9
        (WINDOWS, True),
        ({**XTERM, "ConEmuANSI": "ON"}, True),
        ({**XTERM, "ConEmuANSI": "OFF"}, False),
        ({**XTERM, "TERM_PROGRAM": "WezTerm"}, True),
        ({**XTERM, "TERM_PROGRAM": "ghostty"}, True),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app"}, False),  # before 3.6.6 a notification a second
        ({**XTERM, "TERM_PROGRAM": "iTerm.app", "TERM_FEATURES": "T3CwLrMSc7UUw9Ts3BFGsSyHNoSxF"},
         False),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app", "TERM_FEATURES": "T3CwLrMSc7UUw9Ts3BPFGsSy"}, True),
        ({**XTERM, "PTYXIS_VERSION": "48.1"}, True),
        ({**XTERM, "PTYXIS_VERSION": "47.0"}, False),
        ({**XTERM, "PTYXIS_VERSION": "²"}, False),
        ({"TERM": "xterm-kitty"}, False),
        ({**WINDOWS, "TMUX": "/tmp/x"}, False),
        ({**WINDOWS, "TERM": "dumb"}, False),
        ({**WINDOWS, "MICROGPT_PLAY_PROGRESS": "0"}, False),
        ({**XTERM, "MICROGPT_PLAY_PROGRESS": "1"}, True),
    ],
)  # fmt: skip
def test_only_terminals_known_to_show_progress_are_told_of_it(
    environment: dict[str, str], expected: bool
):
    assert takes_progress(environment) is expected


def test_the_title_is_pushed_once_said_when_it_changes_and_popped_at_the_end():
    said = written(
        (title("1%", "names"), "running", 0.01),
        (title("1%", "names"), "running", 0.011),
        (title("2%", "names"), "running", 0.02),
        environment=WINDOWS,
    )
    assert said == [
        "\x1b[22;0t\x1b]2;1% · names · microgpt-play\x1b\\\x1b]9;4;1;1\x1b\\",
        "\x1b]2;2% · names · microgpt-play\x1b\\\x1b]9;4;1;2\x1b\\",
        "\x1b]2;\x1b\\\x1b[23;0t\x1b]9;4;0;0\x1b\\",
    ]


@pytest.mark.parametrize("environment", [{}, {"TERM": "linux"}, {"TERM": "dumb"}])
def test_where_it_could_harm_nothing_is_written(environment: dict[str, str]):
    assert written(("title", "running", 0.5), environment=environment) == []


def test_a_window_that_showed_nothing_is_left_alone():
    assert written(environment=WINDOWS) == []


def test_a_terminal_that_was_left_is_taken_again_by_the_next_show():
    said: list[str] = []
    window = Window(said.append, XTERM)
    window.show("a")
    window.detach()
    window.show("b")
    assert len(said) == 2
    window.attach(said.append)
    window.show("a")
    window.leave()
    assert said[2] == said[0] and said[3] == said[1]


@given(st.one_of(st.text(), st.sampled_from(ATTACKS)), st.floats(allow_nan=False))
def test_what_others_wrote_ends_no_title_and_steers_nothing(name: str, share: float):
    start, _ = written((title("1%", name), "running", share), environment=WINDOWS)
    inner = re.fullmatch(r"\x1b\[22;0t\x1b\]2;(.*)\x1b\\\x1b\]9;4;1;(\d+)\x1b\\", start, re.DOTALL)
    assert inner and re.search("[\x00-\x1f\x7f-\x9f\u202e\ud800-\udfff]", inner[1]) is None
    assert inner[1].endswith("microgpt-play") and len(inner[1]) < 70
    assert 0 <= int(inner[2]) <= 100
    for environment in (XTERM, {"TERM": "xterm-kitty"}, {"TERM": "foot"},
                        {**XTERM, "TERM_PROGRAM": "WezTerm"}):  # fmt: skip
        told = notification(name, environment)
        body = re.fullmatch(r"\a|\x1b\](?:99;;|9;|777;notify;microgpt-play;)([^;]*)\x1b\\", told,
                            re.DOTALL)  # fmt: skip
        assert body and not re.search("[\x00-\x1f\x7f-\x9f]", body[1] or "")


@pytest.mark.parametrize(
    ("environment", "start"),
    [
        ({"TERM": "xterm-kitty"}, "\x1b]99;;"),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app"}, "\x1b]9;"),
        ({"TERM": "foot"}, "\x1b]777;"),
        (XTERM, "\a"),
        ({"TERM": "linux"}, "\a"),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "KITTY_WINDOW_ID": "1"}, "\a"),
    ],
)
def test_a_notification_is_what_the_terminal_has_and_else_the_bell(
    environment: dict[str, str], start: str
):
    assert notification("run 7 is done", environment).startswith(start)
