"""What the sound libraries say goes to the log, and never to stderr."""

from __future__ import annotations

import ctypes
import logging
import sys
from pathlib import Path

import pytest

from pi_voice.audio.alsa import Chatter


def alsa() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("libasound.so.2")
    except OSError:
        pytest.skip("no libasound here")


def open_what_is_not_there(name: bytes) -> None:
    """Let libasound complain with words that it formats itself."""
    handle = ctypes.c_void_p()
    assert alsa().snd_pcm_open(ctypes.byref(handle), name, 0, 0) < 0


def test_a_line_of_alsa_becomes_a_line_of_the_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    chatter = Chatter()
    chatter.install()
    try:
        with caplog.at_level(logging.DEBUG, "pi_voice.audio.alsa"):
            open_what_is_not_there(b"no_such_pcm")
    finally:
        chatter.restore()
    assert chatter.last == "Unknown PCM no_such_pcm"
    assert "! alsa snd_pcm_open_noupdate: Unknown PCM no_such_pcm" in caplog.messages
    assert capfd.readouterr().err == ""


def test_only_the_last_call_is_blamed() -> None:
    chatter = Chatter()
    chatter.install()
    try:
        open_what_is_not_there(b"no_such_pcm")
        chatter.forget()
    finally:
        chatter.restore()
    assert chatter.last == ""


def test_alsa_speaks_to_stderr_again_when_nobody_listens(
    capfd: pytest.CaptureFixture[str],
) -> None:
    chatter = Chatter()
    chatter.install()
    chatter.restore()
    open_what_is_not_there(b"no_such_pcm")
    assert "Unknown PCM no_such_pcm" in capfd.readouterr().err


def test_an_endless_line_is_cut(tmp_path: Path) -> None:
    chatter = Chatter()
    chatter.install()
    try:
        open_what_is_not_there(b"x" * 5000)
    finally:
        chatter.restore()
    assert chatter.last.startswith("Unknown PCM xxxxx")
    assert len(chatter.last) < 512


def test_what_c_code_prints_is_dropped_for_a_while(capfd: pytest.CaptureFixture[str]) -> None:
    libc, chatter = ctypes.CDLL(None), Chatter()
    chatter.install()
    with chatter.hushed():
        libc.perror(b"hushed")
        print("from Python", file=sys.stderr)  # noqa: T201 - as a log does
    libc.perror(b"aloud")
    chatter.restore()
    said = capfd.readouterr().err
    assert "hushed" not in said
    assert "from Python" in said
    assert "aloud" in said


def test_a_machine_without_alsa_is_silent_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ctypes.CDLL

    def missing(name: str | None) -> ctypes.CDLL:
        if name is not None:
            raise OSError("no such library")
        return real(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    chatter = Chatter()
    chatter.install()
    chatter.restore()
    assert chatter.last == ""
