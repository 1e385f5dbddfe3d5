"""The verbs as a person types them: a child process, a socket, a box behind it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pi_voice import captures, cli, journal, remote
from pi_voice.captures import Capture, Seen
from pi_voice.config import Settings
from pi_voice.control_wire import SOCKET, Answer
from pi_voice.journal import LAST_RUN
from pi_voice.remote import Box
from pi_voice.status import Finding
from tests.controlled import ControlledBox, controlled

STRANGER = 65_534  # nobody, on every Linux


@dataclass(frozen=True)
class Said:
    """What a verb left behind."""

    code: int | None
    out: str
    err: str


def config(folder: Path) -> Path:
    path = folder / "config.toml"
    path.write_text(f'[device]\nruntime_dir = "{folder}"\nstate_dir = "{folder}"\n')
    return path


async def pi_voice(folder: Path, verb: str, *words: str) -> Said:
    """Type a verb at a box that has its files in `folder`."""
    arguments = ("-m", "pi_voice.cli", verb, "--config", str(config(folder)), *words)
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=pipe, stderr=pipe
    )
    out, err = await child.communicate()
    return Said(child.returncode, out.decode(), err.decode())


async def test_the_status_is_shown_to_a_person_and_to_a_program(tmp_path: Path) -> None:
    box = ControlledBox()
    box.findings = (Finding("no_speaker", "the speaker is gone", "pi-voice devices"),)
    async with controlled(tmp_path, box):
        shown = await pi_voice(tmp_path, "status")
        told = await pi_voice(tmp_path, "status", "--json")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("pi-voice: idle for 0 s\n  microphone   open\n")
    assert shown.out.endswith("no speaker: the speaker is gone → pi-voice devices\n")
    assert json.loads(told.out) == json.loads(json.dumps(box.status().as_dict()))


async def test_mute_and_unmute_say_what_happened(tmp_path: Path) -> None:
    box = ControlledBox(remote_unmute=True)
    async with controlled(tmp_path, box):
        muted = await pi_voice(tmp_path, "mute")
        assert box.status().muted
        assert muted == Said(0, "muted: the microphone is closed.\n", "")
        unmuted = await pi_voice(tmp_path, "unmute")
    assert unmuted == Said(0, "unmuted: the box hears you again when a turn begins.\n", "")
    assert not box.status().muted


async def test_an_unmute_that_is_not_allowed_names_the_button_and_the_setting(
    tmp_path: Path,
) -> None:
    async with controlled(tmp_path, ControlledBox()):
        await pi_voice(tmp_path, "mute")
        refused = await pi_voice(tmp_path, "unmute")
    assert refused == Said(
        1,
        "",
        "pi-voice: only the button at the box can unmute; to allow it here, set [privacy] "
        "remote_unmute = true, then: sudo systemctl restart pi-voice\n",
    )


async def test_mute_shows_that_nobody_of_the_box_holds_the_microphone(tmp_path: Path) -> None:
    async with controlled(tmp_path, ControlledBox()):
        proven = await pi_voice(tmp_path, "mute", "--verify")
    first, second, *_ = proven.out.splitlines()
    assert (proven.code, first) == (0, "muted: the microphone is closed.")
    assert second.startswith("No process of the box holds a capture handle (process ")
    assert str(os.getpid()) in second


async def test_an_interrupt_and_a_text_reach_the_box(tmp_path: Path) -> None:
    box = ControlledBox()
    async with controlled(tmp_path, box):
        box.speak()
        interrupted = await pi_voice(tmp_path, "interrupt")
        asked = await pi_voice(tmp_path, "say", "the", "cake is done")
    assert interrupted == Said(0, "interrupted: the box is silent.\n", "")
    assert asked == Said(0, "the box says it.\n", "")
    assert box.said == ["the cake is done"]


async def test_the_last_lines_of_the_log_are_shown(tmp_path: Path) -> None:
    box = ControlledBox()
    box.log = (*box.log, "\x1b[2Jfour")
    async with controlled(tmp_path, box):
        assert await pi_voice(tmp_path, "logs", "-n", "2") == Said(0, "three\n�[2Jfour\n", "")


async def test_the_log_of_a_crash_is_shown_without_the_service(tmp_path: Path) -> None:
    none = await pi_voice(tmp_path, "logs", "--last-run")
    assert (none.code, none.out) == (0, f"{remote.ALL_WELL}\n")
    (tmp_path / LAST_RUN).write_text("it\nbroke\n")
    assert await pi_voice(tmp_path, "logs", "--last-run") == Said(0, "it\nbroke\n", "")


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can be somebody else"
)
def test_a_stranger_is_told_which_group_to_join(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("public")
    for path in (folder, *list(folder.parents)[:2]):
        path.chmod(0o755)
    user = ("setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups")
    code = "import sys; from pi_voice.cli import main; sys.exit(main())"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / SOCKET))
        (folder / SOCKET).chmod(0o660)
        door.listen()
        words = (*user, sys.executable, "-c", code, "status", "--config", str(config(folder)))
        said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (
        77,
        f"pi-voice: you may not use {folder / SOCKET}. Join the group pi-voice and log in again: "
        "sudo usermod -aG pi-voice $USER; or use sudo\n",
    )


def typed(folder: Path, *words: str) -> int:
    return cli.main([*words, "--config", str(config(folder))])


@pytest.mark.parametrize("words", [("status",), ("mute",), ("logs",), ("say", "hello")])
def test_a_service_that_does_not_run_is_one_sentence(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(tmp_path, *words) == 69
    assert capsys.readouterr().err == (
        f"pi-voice: there is no {tmp_path / SOCKET}: the service does not run. "
        f"Start it: pi-voice run --config {tmp_path / 'config.toml'}\n"
    )


@contextmanager
def systemd_that_says(text: str, folder: Path) -> Iterator[None]:
    """A systemctl that answers everything with this."""
    systemctl = folder / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\n")
    systemctl.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
        yield


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        (
            "LoadState=not-found\nActiveState=inactive\n",
            "the service is not installed. In the folder of the program: sudo ./install.sh",
        ),
        (
            "LoadState=loaded\nActiveState=failed\nExecMainStatus=78\n",
            "the service has ended, because its configuration cannot be used. "
            "Run: sudo pi-voice config check; then: sudo systemctl restart pi-voice",
        ),
        (
            "LoadState=loaded\nActiveState=failed\nExecMainStatus=1\n",
            "the service has failed. See why: sudo pi-voice doctor",
        ),
        (
            "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\n",
            "the service ends again and again. See why: sudo pi-voice doctor",
        ),
        (
            "LoadState=loaded\nActiveState=activating\nSubState=start\n",
            "the service is just starting. Try again; if it stays so: sudo pi-voice doctor",
        ),
        (
            "LoadState=loaded\nActiveState=active\n",
            "the service runs, but does not answer there. Look why: journalctl -u pi-voice",
        ),
        (
            "LoadState=loaded\nActiveState=inactive\n",
            "the service does not run. Start it: sudo systemctl start pi-voice; "
            "if it ends again: sudo pi-voice doctor",
        ),
        (
            "",
            "the service does not run. Start it: sudo systemctl start pi-voice; "
            "if it ends again: sudo pi-voice doctor",
        ),
    ],
)
def test_who_asks_a_service_that_is_away_is_led_to_the_reason(
    tmp_path: Path, properties: str, told: str
) -> None:
    box = replace(Box.configured(config(tmp_path), required=False), runtime=tmp_path)
    with (
        systemd_that_says(properties, tmp_path),
        pytest.raises(remote.NotRunningError) as status,
    ):
        remote.show_status(box, as_json=False)
    assert str(status.value) == f"there is no {tmp_path / SOCKET}: {told}"


def test_where_the_service_is_away_its_log_is_with_systemd(tmp_path: Path) -> None:
    box = replace(Box.configured(config(tmp_path), required=False), runtime=tmp_path)
    with systemd_that_says("", tmp_path), pytest.raises(remote.NotRunningError) as logs:
        remote.show_logs(box, count=5, last_run=False)
    assert str(logs.value).endswith(". What it said: sudo journalctl -u pi-voice -n 50")


def test_a_socket_that_a_dead_service_left_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / SOCKET))
    assert typed(tmp_path, "status") == 69
    assert "nobody answers at" in capsys.readouterr().err


@contextmanager
def answering(folder: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """A service that treats its only caller as `answer` does."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / SOCKET))
        door.listen()

        def serve() -> None:
            with door.accept()[0] as caller:
                answer(caller)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n", b'{"ok"'])
def test_a_service_that_talks_nonsense_is_one_sentence(
    tmp_path: Path, said: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(caller: socket.socket) -> None:
        caller.recv(4096)
        caller.sendall(said)

    with answering(tmp_path, answer):
        assert typed(tmp_path, "status") == 69
    assert capsys.readouterr().err == (
        f"pi-voice: no proper answer at {tmp_path / SOCKET}. Look why: journalctl -u pi-voice\n"
    )


def test_a_refusal_before_the_question_is_read_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = Answer(ok=False, text="8 programs talk to the box already; try again")
    with answering(tmp_path, lambda caller: caller.sendall(busy.encode())):
        assert typed(tmp_path, "status") == 1
    assert capsys.readouterr().err == f"pi-voice: {busy.text}\n"


def test_a_service_that_hangs_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "ANSWER_S", 0.05)
    with answering(tmp_path, lambda caller: [*iter(lambda: caller.recv(100), b"")].clear()):
        assert typed(tmp_path, "status") == 69
    assert "no answer at" in capsys.readouterr().err


def test_a_path_that_no_socket_can_have_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'[device]\nruntime_dir = "/{"x" * 120}"\n')
    assert cli.main(["status", "--config", str(path)]) == 69
    assert "cannot be used (AF_UNIX path too long)" in capsys.readouterr().err


def test_a_text_that_is_too_long_is_refused_before_it_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(tmp_path, "say", "x" * 5000) == 2
    assert capsys.readouterr().err == "pi-voice: the text is too long; 4096 bytes are allowed\n"


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_what_is_no_number_of_lines_is_told_as_such(
    count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["logs", f"-n={count}"])
    assert ended.value.code == 2
    assert "is no number of lines" in capsys.readouterr().err


def test_a_microphone_that_is_held_after_all_is_told_with_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Seen((Capture(os.getpid(), "pi-voice", "hw:1,0"),), frozenset(), kernel_tells=True)
    monkeypatch.setattr(captures, "look", lambda: held)
    muted = Answer(ok=True, text="muted: the microphone is closed")

    def answer(caller: socket.socket) -> None:
        caller.recv(4096)
        caller.sendall(muted.encode())

    with answering(tmp_path, answer):
        assert typed(tmp_path, "mute", "--verify") == 1
    assert "of the box holds a capture handle of hw:1,0." in capsys.readouterr().out


def test_the_places_are_those_of_the_service_unless_configured(tmp_path: Path) -> None:
    ships = Settings()
    here = Box.configured(tmp_path / "none.toml", required=False)
    assert here == Box(ships.device.runtime_dir, ships.device.state_dir, ships.control.group)


@pytest.mark.parametrize(
    "text", ["[device", "device = 5", "[device]\nruntime_dir = 5", "control=1"]
)
def test_a_broken_configuration_does_not_keep_anybody_from_muting(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    assert Box.configured(path, required=False) == Box()


def test_a_configuration_that_was_named_must_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status", "--config", str(tmp_path / "none.toml")]) == 2
    assert "No such file or directory; name the right one with --config" in capsys.readouterr().err


def test_the_verbs_start_without_what_takes_long_to_load() -> None:
    script = "import sys, pi_voice.remote; print(*sys.modules)"
    python = [sys.executable, "-c", script]
    loaded = subprocess.run(python, capture_output=True, text=True, check=True).stdout.split()
    assert (
        set(loaded) & {"asyncio", "numpy", "websockets", "pi_voice.config", "logging.config"}
        == set()
    )


def test_a_box_that_answers_nobody_is_not_said_to_be_dead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path)
    path.write_text(f"{path.read_text()}[control]\nenabled = false\n")
    assert cli.main(["status", "--config", str(path)]) == 69
    assert capsys.readouterr().err == (
        "pi-voice: with [control] enabled = false the box answers nobody. Set it to true, then: "
        "sudo systemctl restart pi-voice\n"
    )


def test_the_last_words_of_a_dead_box_are_told_to_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(folder: Path) -> tuple[str, ...]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(journal, "last_run", closed)
    box = Box(runtime=tmp_path, state=tmp_path)
    with pytest.raises(remote.ForbiddenError, match="Use sudo: sudo pi-voice logs --last-run$"):
        remote.show_logs(box, count=5, last_run=True)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("MainPID={pid}\nNRestarts=7\n", "started again 7 times"),
        ("MainPID={pid}\nNRestarts=\n", "process"),
        ("MainPID=1\nNRestarts=7\n", "process"),
        ("", "process"),
    ],
    ids=["the service", "an old systemd", "another process", "no service"],
)
async def test_how_often_systemd_had_to_start_it_again_is_told(
    tmp_path: Path, said: str, told: str
) -> None:
    with systemd_that_says(said.format(pid=os.getpid()), tmp_path):
        async with controlled(tmp_path, ControlledBox()):
            shown = await pi_voice(tmp_path, "status")
    assert told in shown.out
    assert ("started again" in shown.out) == ("again" in told)
