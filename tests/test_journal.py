from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_voice import journal
from pi_voice.journal import (
    AGAIN_S,
    LAST_RUN,
    LINES,
    Journal,
    Redacting,
    last_run,
    last_words,
    redacted,
)

KEY = "sk-" + "proj-abcDEF0123456789_x"
EPHEMERAL = "ek_" + "68af2b0123456789"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.s-5_c"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that only the handlers of the test hear."""
    made = logging.getLogger("pi_voice.test_journal")
    made.propagate, made.level = False, logging.DEBUG
    yield made
    made.handlers.clear()


def messages(of: Journal) -> list[str]:
    """The lines without the time in front."""
    return [line.split(" ", 2)[2] for line in of.lines()]


def test_the_last_lines_are_remembered(logger: logging.Logger) -> None:
    ring = Journal()
    logger.addHandler(ring)
    for number in range(LINES + 5):
        logger.info("line %d", number)
    assert len(ring.lines()) == LINES
    assert messages(ring)[0] == "INFO    pi_voice.test_journal: line 5"
    assert messages(ring)[-1] == "INFO    pi_voice.test_journal: line 204"


def test_every_line_of_a_traceback_counts(logger: logging.Logger) -> None:
    ring = Journal()
    logger.addHandler(ring)
    try:
        raise RuntimeError(f"Bearer {JWT}")
    except RuntimeError:
        logger.exception("broken")
    assert ring.lines()[1] == "Traceback (most recent call last):"
    assert ring.lines()[-1] == "RuntimeError: Bearer …"


def test_a_long_line_is_cut(logger: logging.Logger) -> None:
    ring = Journal()
    logger.addHandler(ring)
    logger.info("x" * 5000)
    assert len(ring.lines()[0]) == journal.LINE_CHARS


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError(KEY)


def test_a_wrong_log_line_is_told_and_never_raised() -> None:
    ring = Journal()
    for message, value in (("%d", "no number"), ("%s", Unspeakable())):
        ring.handle(logging.LogRecord("x", logging.INFO, "", 0, message, (value,), None))
    assert "TypeError" in ring.lines()[0]
    assert ring.lines()[1].endswith("could not be written: ValueError('…')")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"the service refused {KEY}.", "the service refused …."),
        (f"token {EPHEMERAL} expired", "token … expired"),
        (f"sent {JWT}, got 401", "sent …, got 401"),
        (f"Authorization: Bearer {KEY}", "Authorization: …"),
        ("{'Authorization': 'Bearer abcdef123'}", "{'Authorization': '…'}"),
        ("Proxy-Authorization: Basic dXNlcjpwYXNz", "Proxy-Authorization: …"),
        ("authorization=abc", "authorization=…"),
        ("sends Bearer abcdef123 again", "sends … again"),
        ("{'api-key': '0123456789abcdef'}", "{'api-key': '…'}"),
        ("wss://x.org/v1?api_key=0123abcd&model=m", "wss://x.org/v1?api_key=…&model=m"),
        ("wss://user:pa55@x.org/v1", "wss://…@x.org/v1"),
        ("access_token=abc; token: def", "access_token=…; token: …"),
        ("Cookie: session=abc", "Cookie: …"),
        ('{"client_secret": "abc"}', '{"client_secret": "…"}'),
        ("password=hunter2", "password=…"),
    ],
)
def test_no_key_gets_into_a_line(line: str, shown: str) -> None:
    assert redacted(line) == shown


@pytest.mark.parametrize(
    "line",
    [
        "ready: push_to_talk, microphone 'default', speaker 'usb', service 'embedded'",
        "there is no key in /etc/pi-voice/api_key. Put it there, alone on one line",
        "tokens: 500 of 2000 are spent",
        "= LISTENING → THINKING",
        "> append 960 B",
        "the token command ended with 1; task-force; basic echo; risk_free_of_cost",
        "[privacy] remote_unmute = true; mail somebody@example.org",
    ],
)
def test_what_is_no_key_stays(line: str) -> None:
    assert redacted(line) == line


def test_any_formatter_can_be_made_to_hide_keys() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "key %s", (KEY,), None)
    assert Redacting(logging.Formatter("<6>%(message)s")).format(record) == "<6>key …"


def test_the_lines_outlive_the_process_when_they_are_kept(
    logger: logging.Logger, tmp_path: Path
) -> None:
    ring = Journal(tmp_path)
    logger.addHandler(ring)
    logger.info("the speaker is gone: %s", KEY)
    assert last_run(tmp_path) == ()
    ring.keep()
    assert last_run(tmp_path) == ring.lines()
    assert os.listdir(tmp_path) == [LAST_RUN]
    assert stat.S_IMODE((tmp_path / LAST_RUN).stat().st_mode) == 0o600


def end(logger: logging.Logger, folder: Path, text: str) -> None:
    """A run that says a word and ends by a fault."""
    ring = Journal(folder)
    logger.addHandler(ring)
    logger.info(text)
    ring.keep()
    logger.removeHandler(ring)


def let_pass(seconds: float, folder: Path) -> None:
    """Make the kept lines older."""
    then_s = time.time() - seconds
    os.utime(folder / LAST_RUN, (then_s, then_s))


def test_only_the_newest_end_is_kept(logger: logging.Logger, tmp_path: Path) -> None:
    end(logger, tmp_path, "first")
    let_pass(AGAIN_S + 1, tmp_path)
    end(logger, tmp_path, "second")
    (line,) = last_run(tmp_path)
    assert line.endswith("second")


def test_a_box_that_dies_at_every_start_does_not_wear_out_its_card(
    logger: logging.Logger, tmp_path: Path
) -> None:
    for text in ("lived for a week", "died at once", "died again"):
        end(logger, tmp_path, text)
    (line,) = last_run(tmp_path)
    assert line.endswith("lived for a week")
    let_pass(-1000, tmp_path)  # as a box without a clock chip sees it
    end(logger, tmp_path, "another day")
    assert last_run(tmp_path)[0].endswith("another day")


def test_a_run_that_lived_is_kept_however_soon_it_came(
    logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(logger, tmp_path, "first")
    monkeypatch.setattr(journal, "LIVED_S", 0.0)
    end(logger, tmp_path, "second")
    assert last_run(tmp_path)[0].endswith("second")


def test_what_ended_the_process_stands_below_the_last_lines(tmp_path: Path) -> None:
    ring = Journal(tmp_path)
    ring.handle(logging.LogRecord("x", logging.INFO, "", 0, "before", (), None))
    with pytest.raises(RuntimeError), ring.keeping():
        raise RuntimeError(f"the service refused {KEY}")
    kept = last_run(tmp_path)
    assert kept[0].endswith("before")
    assert kept[1] == "Traceback (most recent call last):"
    assert kept[-1] == "RuntimeError: the service refused …"


def test_nothing_is_kept_after_a_good_end(tmp_path: Path) -> None:
    with Journal(tmp_path).keeping():
        pass
    with pytest.raises(SystemExit), Journal(tmp_path).keeping():
        raise SystemExit(0)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("folder", [None, Path("/nowhere/at/all"), Path("/dev/null")])
def test_what_cannot_be_kept_is_no_fault(folder: Path | None) -> None:
    Journal(folder).keep()
    assert folder is None or last_run(folder) == ()


def test_a_full_disk_leaves_the_older_lines_and_no_rest(
    logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = Journal(tmp_path)
    logger.addHandler(ring)
    logger.info("first")
    ring.keep()
    logger.info("second")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    ring.keep()
    assert len(last_run(tmp_path)) == 1
    assert os.listdir(tmp_path) == [LAST_RUN]


def test_the_lines_can_be_kept_from_a_signal_that_comes_at_any_moment(tmp_path: Path) -> None:
    script = """
import logging, pathlib, signal, sys
from pi_voice.journal import Journal
ring = Journal(pathlib.Path(sys.argv[1]))
logging.basicConfig(level="INFO", handlers=[ring])
def end(*_):
    logging.info("the end")
    ring.keep()
    sys.exit(0)
signal.signal(signal.SIGALRM, end)
signal.setitimer(signal.ITIMER_REAL, 0.2)
while True:
    logging.info("a line\\nand another")
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    subprocess.run(command, check=True, timeout=60, stderr=subprocess.DEVNULL)
    assert any(line.endswith("the end") for line in last_run(tmp_path))


def test_the_last_words_are_those_of_a_run_of_the_last_minutes(tmp_path: Path) -> None:
    assert last_words(tmp_path) == ""
    path = tmp_path / LAST_RUN
    path.write_text("Traceback\n  RuntimeError: broken  \n\n")
    assert last_words(tmp_path) == "RuntimeError: broken"
    long_ago_s = time.time() - AGAIN_S - 1
    os.utime(path, (long_ago_s, long_ago_s))
    assert last_words(tmp_path) == ""


def test_a_disk_that_cannot_be_read_has_no_last_words(tmp_path: Path) -> None:
    """They are read at the start of safe mode, which must not end by them."""
    (tmp_path / LAST_RUN).mkdir()
    assert last_words(tmp_path) == ""
