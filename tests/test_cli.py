"""What a person sees who does something wrong: one sentence, an exit code, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pi_voice import cli


def run(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def config(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_an_unknown_key_is_named_with_its_line_and_the_right_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, '[audio]\nmicrofone = "usb"\n')
    assert run("config", "check", "--config", path) == 78
    assert capsys.readouterr().err == (
        f"pi-voice: {path}: [audio] unknown key 'microfone' (line 2); did you mean 'microphone'?\n"
    )


def test_a_pin_that_the_header_does_not_have_is_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, "[button]\npin = 47\n")
    assert run("run", "--config", path) == 78
    assert capsys.readouterr().err == (
        f"pi-voice: {path}: [button] pin = 47 (line 2): the header has GPIO 0–27; "
        "use the BCM number, e.g. pin = 17\n"
    )


def test_every_problem_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, '[button]\npin = 47\n[leds]\ncolor = "red"\n')
    assert run("config", "check", "--config", path) == 78
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_file_that_is_not_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "check", "--config", "/nowhere/config.toml") == 78
    assert capsys.readouterr().err == (
        "pi-voice: /nowhere/config.toml: no such file; name the right one with --config\n"
    )


def test_an_unknown_verb_gives_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("dance")
    assert ended.value.code == 2
    assert "usage: pi-voice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "usage", "unknown"),
    [
        (("status", "--jsn"), "usage: pi-voice status ", "--jsn"),
        (("demo", "--loud", "now"), "usage: pi-voice demo ", "--loud now"),
        (("--loud", "status"), "usage: pi-voice [-h]", "--loud"),
    ],
)
def test_an_unknown_option_gives_the_usage_of_its_verb(
    words: tuple[str, ...], usage: str, unknown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*words)
    told = capsys.readouterr().err
    assert (ended.value.code, told[: len(usage)]) == (2, usage)
    assert told.endswith(f"error: unrecognized arguments: {unknown}\n")


@pytest.mark.parametrize("port", ["99999", "-1", "web"])
def test_what_is_no_port_is_told_as_such(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("serve", f"--port={port}")
    assert ended.value.code == 2
    assert "is no port: a number from 0 to 65535" in capsys.readouterr().err


def test_who_reads_only_the_first_line_gets_no_traceback(tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m pi_voice.cli config show | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
