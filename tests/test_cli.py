"""What a person sees who does something wrong: one sentence, an exit code, no traceback."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pi_voice import build, cli
from pi_voice.credentials import KeyFile, KeyForbiddenError


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


def test_a_service_that_will_be_parked_shows_why_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Path] = []
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")
    monkeypatch.setattr("pi_voice.build_lights.show_misconfigured", shown.append)
    path = config(tmp_path, "[button]\npin = 47\n")
    assert run("run", "--config", path) == 78
    assert shown == [path]


def test_every_problem_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, '[button]\npin = 47\n[leds]\ncolor = "red"\n')
    assert run("config", "check", "--config", path) == 78
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_file_that_is_not_there_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "check", "--config", "/nowhere/config.toml") == 78
    assert capsys.readouterr().err == (
        "pi-voice: /nowhere/config.toml: no such file; name the right one with --config\n"
    )


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
    monkeypatch.setattr(cli, "CONFIG", tmp_path / "none.toml")
    assert run("config", "show") == 0
    assert 'url = "embedded"' in capsys.readouterr().out


@pytest.mark.parametrize("port", ["99999", "-1", "web"])
def test_what_is_no_port_is_told_as_such(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("serve", f"--port={port}")
    assert ended.value.code == 2
    assert "is no port: a number from 0 to 65535" in capsys.readouterr().err


def test_options_that_do_not_go_together_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config", "show", "--service") == 2
    assert "pi-voice config check --service" in capsys.readouterr().err


def test_who_reads_only_the_first_line_gets_no_traceback(tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m pi_voice.cli config show | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
