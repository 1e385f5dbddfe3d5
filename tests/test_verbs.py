"""What each verb does, asked for as a person would: by the command."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pi_voice import build, cli, verbs
from pi_voice.credentials import KeyFile, KeyForbiddenError


def run(*arguments: str | Path) -> int:
    return cli.main([str(argument) for argument in arguments])


def config(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_a_service_that_will_be_parked_shows_why_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Path] = []
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
    monkeypatch.setattr("pi_voice.build_lights.show_misconfigured", shown.append)
    path = config(tmp_path, "[button]\npin = 47\n")
    assert run("run", "--config", path) == 78
    assert shown == [path]


def test_a_missing_recording_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("demo", "--wav", tmp_path / "gone.wav") == 1
    error = capsys.readouterr().err
    assert error.startswith(f"pi-voice: {tmp_path / 'gone.wav'} does not exist. ")
    assert error.count("\n") == 1


def test_a_folder_that_is_not_there_is_told_before_the_demo_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("demo", "--out", tmp_path / "gone" / "out.wav") == 1
    assert "gone/out.wav cannot be written (no such file or directory)" in capsys.readouterr().err


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run("serve", "--port", str(port)) == 1
    assert capsys.readouterr().err == (
        f"pi-voice: port {port} is in use by another program. "
        "Choose another: pi-voice serve --port N\n"
    )


def test_a_calibration_without_a_card_is_one_sentence(tmp_path: Path) -> None:
    path = config(tmp_path, '[audio]\nmicrophone = "nowhere"\nspeaker = "nowhere"\n')
    command = "import sys; from pi_voice.cli import main; sys.exit(main())"
    words = (sys.executable, "-c", command, "calibrate", "--config", str(path))
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("pi-voice: microphone 'nowhere' not found")
    assert done.stderr.count("\n") == 1


def test_what_is_in_effect_is_shown_without_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = 'url = "wss://example.org/v1/realtime"'
    path = config(tmp_path, f'[service]\n{url}\n[service.headers]\napi-key = "sk-very-secret"\n')
    assert run("config", "show", "--config", path) == 0
    shown = capsys.readouterr().out
    assert url in shown
    assert "sk-very-secret" not in shown


def test_a_good_configuration_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, "[button]\npin = 5\n")
    assert run("config", "check", "--config", path) == 0
    assert capsys.readouterr().out == f"{path} is fine.\n"


def test_a_driver_that_is_not_there_is_found_by_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, '[leds]\ndriver = "no_such_leds:Torch"\n')
    assert run("config", "check", "--config", path) == 78
    assert "put no_such_leds.py into /etc/pi-voice/drivers" in capsys.readouterr().err


def test_a_key_that_only_the_service_may_read_is_no_fault_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Forbidden(KeyFile):
        def __call__(self) -> str:
            raise KeyForbiddenError("k may not be read by pi: it is root's. Use sudo")

    monkeypatch.setattr(build, "api_key", lambda _: Forbidden(tmp_path))
    path = config(tmp_path, "")
    assert run("config", "check", "--config", path) == 0
    assert capsys.readouterr().out == (
        f"{path} is fine.\n"
        "The key was not looked at: k may not be read by pi: it is root's. Use sudo.\n"
    )


def test_the_defaults_serve_where_no_file_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verbs, "CONFIG", tmp_path / "none.toml")
    assert run("config", "show") == 0
    assert 'url = "embedded"' in capsys.readouterr().out


def test_options_that_do_not_go_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "show", "--service") == 2
    assert "pi-voice config check --service" in capsys.readouterr().err
