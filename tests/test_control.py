from __future__ import annotations

import asyncio
import grp
import json
import logging
import os
import shutil
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pi_voice import control, control_wishes
from pi_voice.control_wire import REQUEST_BYTES, SOCKET, Answer, Request, Verb
from pi_voice.status import Finding
from tests.controlled import ControlledBox, controlled
from tests.until import until

OWN_GROUP = grp.getgrgid(os.getegid()).gr_name
NO_SPEAKER = Finding("no_speaker", "the speaker is gone", "Check its cable")
STRANGER = 65_534  # nobody, on every Linux
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can be somebody else"
)
KNOCK = """
import contextlib, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect(sys.argv[1])
    with contextlib.suppress(BrokenPipeError):  # refused before we spoke
        door.sendall(b'{"verb": "status"}\\n')
    sys.stdout.write(door.makefile().readline())
"""


class Client:
    """A program at the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, verb: Verb, text: str = "") -> Answer:
        return await self.send(Request(verb, text).encode())

    async def send(self, data: bytes) -> Answer:
        self.writer.write(data)
        return Answer.decode(await self.reader.readline())


@asynccontextmanager
async def client(folder: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(folder / SOCKET, limit=2**21)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def knock(folder: Path, *as_user: str) -> str:
    """What somebody else gets to hear at the socket."""
    words = ("setpriv", *as_user, sys.executable, "-c", KNOCK, str(folder / SOCKET))
    pipe = asyncio.subprocess.PIPE
    made = await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=pipe)
    out, err = await made.communicate()
    return (out + err).decode()


@pytest.fixture
def box() -> ControlledBox:
    return ControlledBox()


async def test_the_status_is_told(tmp_path: Path, box: ControlledBox) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        answer = await caller.ask(Verb.STATUS)
        assert answer.ok
        assert answer.status == json.loads(json.dumps(box.status().as_dict()))


async def test_mute_answers_when_the_handle_is_closed(tmp_path: Path, box: ControlledBox) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        assert box.status().microphone == "open"
        answer = await caller.ask(Verb.MUTE)
        assert (answer.ok, answer.text) == (True, "muted: the microphone is closed")
        assert answer.status is not None
        assert (answer.status["muted"], answer.status["microphone"]) == (True, "closed")


async def test_a_card_that_does_not_close_is_no_proof_of_mute(
    tmp_path: Path, box: ControlledBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_wishes, "EFFECT_S", 0.1)
    box.sticks = True
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        answer = await caller.ask(Verb.MUTE)
    assert not answer.ok
    assert answer.text == (
        "muted: nothing is sent, but the microphone is still open after 0.1 s. "
        "Look who holds it: sudo pi-voice mute --verify"
    )


async def test_only_a_hand_at_the_box_unmutes(tmp_path: Path, box: ControlledBox) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        await caller.ask(Verb.MUTE)
        answer = await caller.ask(Verb.UNMUTE)
    assert box.status().muted
    assert (answer.ok, answer.text) == (
        False,
        "only the button at the box can unmute; to allow it here, set [privacy] "
        "remote_unmute = true, then: sudo systemctl restart pi-voice",
    )


async def test_whoever_is_allowed_to_unmutes(tmp_path: Path) -> None:
    box = ControlledBox(remote_unmute=True)
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        await caller.ask(Verb.MUTE)
        answer = await caller.ask(Verb.UNMUTE)
    assert answer.ok
    assert not box.status().muted


async def test_nothing_is_asked_for_where_nothing_is_muted(
    tmp_path: Path, box: ControlledBox
) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        answer = await caller.ask(Verb.UNMUTE)
    assert (answer.ok, answer.text) == (True, "not muted: the microphone is open")


async def test_an_interrupt_tells_whether_there_was_something(
    tmp_path: Path, box: ControlledBox
) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        assert (await caller.ask(Verb.INTERRUPT)).text == "there was nothing to interrupt"
        box.speak()
        assert box.status().turn == "speaking"
        assert (await caller.ask(Verb.INTERRUPT)).text == "interrupted: the box is silent"
        assert box.status().turn == "idle"


async def test_a_text_is_handed_to_the_device(tmp_path: Path, box: ControlledBox) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        assert (await caller.ask(Verb.SAY, "the cake is done")).ok
    assert box.said == ["the cake is done"]


async def test_the_log_is_told(tmp_path: Path, box: ControlledBox) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        assert (await caller.ask(Verb.LOGS)).lines == ("one", "two", "three")
        last = Request(Verb.LOGS, last_run=True).encode()
        assert (await caller.send(last)).lines == ("it broke",)


async def test_a_program_asks_as_often_as_it_likes(tmp_path: Path, box: ControlledBox) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        for _ in range(20):
            assert (await caller.ask(Verb.STATUS)).ok


async def test_garbage_is_answered_and_the_next_request_is_heard(
    tmp_path: Path, box: ControlledBox
) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        assert not (await caller.send(b"\xff{]\n")).ok
        assert (await caller.ask(Verb.STATUS)).ok


async def test_a_line_that_is_too_long_ends_the_connection(
    tmp_path: Path, box: ControlledBox
) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        answer = await caller.send(b"x" * (2 * REQUEST_BYTES + 1))
        assert (answer.ok, answer.text) == (False, "a request has at most 4096 bytes")
        assert await caller.reader.read() == b""


async def test_one_program_too_many_is_told_so_until_another_leaves(
    tmp_path: Path, box: ControlledBox
) -> None:
    async with controlled(tmp_path, box):
        async with asyncio.TaskGroup() as leaving:
            full = asyncio.Event()
            for _ in range(control.CLIENTS):
                leaving.create_task(_stay(tmp_path, full))
            await until(lambda: len(asyncio.all_tasks()) > 2 * control.CLIENTS)
            async with client(tmp_path) as ninth:
                answer = Answer.decode(await ninth.reader.readline())
                assert answer.text == "8 programs talk to the box already; try again"
            full.set()
        await until(lambda: len(asyncio.all_tasks()) == 1)
        async with client(tmp_path) as caller:
            assert (await caller.ask(Verb.STATUS)).ok


async def _stay(folder: Path, until_set: asyncio.Event) -> None:
    async with client(folder) as caller:
        await caller.ask(Verb.STATUS)
        await until_set.wait()


@pytest.mark.parametrize("said", [b"", b'{"verb":'])
async def test_a_program_that_does_not_finish_its_line_is_hung_up_on(
    tmp_path: Path, box: ControlledBox, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "IDLE_S", 0.05)
    async with controlled(tmp_path, box), client(tmp_path) as slow:
        slow.writer.write(said)
        assert await slow.reader.read() == b""


async def test_a_program_that_does_not_read_is_hung_up_on(
    tmp_path: Path,
    box: ControlledBox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(control, "IDLE_S", 0.05)
    caplog.set_level(logging.DEBUG, "pi_voice.control")
    box.log = ("x" * 1000,) * 1000
    async with controlled(tmp_path, box):
        with socket.socket(socket.AF_UNIX) as slow:
            slow.connect(str(tmp_path / SOCKET))
            slow.sendall(Request(Verb.LOGS).encode())
            await until(lambda: "went away" in caplog.text)


async def test_a_program_that_asks_and_only_listens_gets_all_of_the_answer(
    tmp_path: Path, box: ControlledBox
) -> None:
    box.log = ("x" * 1000,) * 1000
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        caller.writer.write(Request(Verb.LOGS).encode())
        caller.writer.write_eof()
        assert Answer.decode(await caller.reader.readline()).lines == box.log


async def test_a_request_that_broke_off_is_not_obeyed(tmp_path: Path, box: ControlledBox) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        caller.writer.write(Request(Verb.MUTE).encode().rstrip())
        caller.writer.write_eof()
        assert await caller.reader.read() == b""
    assert not box.status().muted


async def test_a_fault_while_answering_ends_one_connection_only(
    tmp_path: Path, box: ControlledBox, caplog: pytest.LogCaptureFixture
) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        async with client(tmp_path) as unlucky:
            box.findings = (object(),)  # type: ignore[assignment]  # a fault of ours
            unlucky.writer.write(Request(Verb.STATUS).encode())
            assert await unlucky.reader.read() == b""
        box.findings = ()
        assert (await caller.ask(Verb.STATUS)).ok
    assert "a fault at the control socket" in caplog.text


async def test_only_the_group_and_its_owner_reach_the_socket(
    tmp_path: Path, box: ControlledBox
) -> None:
    async with controlled(tmp_path, box, group=OWN_GROUP):
        found = (tmp_path / SOCKET).stat()
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())


async def test_without_its_group_the_socket_is_its_owners_alone(
    tmp_path: Path, box: ControlledBox, caplog: pytest.LogCaptureFixture
) -> None:
    async with controlled(tmp_path, box, group="no-such-group"), client(tmp_path) as caller:
        assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600
        assert (await caller.ask(Verb.STATUS)).ok
    (record,) = caplog.records
    assert record.getMessage().startswith("group 'no-such-group' does not exist: only root")


@needs_root
async def test_a_stranger_is_refused_even_where_the_file_would_let_him_in(
    box: ControlledBox, public: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = (f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups")
    async with controlled(public, box):
        assert "Permission denied" in await knock(public, *stranger)
        (public / SOCKET).chmod(0o666)
        answer = Answer.decode((await knock(public, *stranger)).encode())
    assert (answer.ok, answer.status) == (False, None)
    assert answer.text == "only members of group 'pi-voice' may do this"
    assert f"uid {STRANGER} is not in group 'pi-voice'" in caplog.text


@needs_root
@pytest.mark.parametrize("membership", ["--regid=daemon", "--groups=adm,daemon"])
async def test_a_member_of_the_group_is_let_in(
    box: ControlledBox, public: Path, membership: str
) -> None:
    rest = "--clear-groups" if membership.startswith("--regid") else f"--regid={STRANGER}"
    async with controlled(public, box, group="daemon"):
        said = await knock(public, f"--reuid={STRANGER}", membership, rest)
    assert Answer.decode(said.encode()).ok


@pytest.fixture
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that every user can enter."""
    folder = tmp_path_factory.mktemp("public")
    for path in (folder, *list(folder.parents)[:2]):
        path.chmod(0o755)
    return folder


async def test_a_socket_that_a_dead_process_left_is_replaced(
    tmp_path: Path, box: ControlledBox
) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / SOCKET))
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        assert (await caller.ask(Verb.STATUS)).ok


async def test_a_second_service_leaves_the_first_its_socket(
    tmp_path: Path, box: ControlledBox, caplog: pytest.LogCaptureFixture
) -> None:
    async with controlled(tmp_path, box):
        async with controlled(tmp_path, ControlledBox()):
            pass
        async with client(tmp_path) as caller:
            await caller.ask(Verb.MUTE)
    assert box.status().muted
    assert "another pi-voice answers there; stop it first" in caplog.text


async def test_a_socket_is_gone_when_its_service_is(tmp_path: Path, box: ControlledBox) -> None:
    async with controlled(tmp_path, box), client(tmp_path) as caller:
        await caller.ask(Verb.STATUS)
    assert os.listdir(tmp_path) == []


async def test_the_socket_of_a_successor_is_left_alone(tmp_path: Path, box: ControlledBox) -> None:
    async with controlled(tmp_path, box):
        (tmp_path / SOCKET).unlink()
        (tmp_path / SOCKET).touch()
    assert (tmp_path / SOCKET).exists()


@pytest.mark.parametrize("obstacle", ["a file", "a long name", "a file for a folder"])
async def test_without_a_socket_the_voice_goes_on(
    tmp_path: Path, box: ControlledBox, obstacle: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path
    if obstacle == "a file":
        (folder / SOCKET).touch()
    elif obstacle == "a long name":
        folder /= "x" * 120
    else:
        folder /= "file"
        folder.touch()
    async with controlled(folder, box):
        assert box.status().connection == "online"
    (record,) = [r for r in caplog.records if r.name == "pi_voice.control"]
    assert record.getMessage().startswith(f"no control socket at {folder / SOCKET}: ")


async def test_a_service_that_ends_hangs_up_on_everybody(
    tmp_path: Path, box: ControlledBox
) -> None:
    async with controlled(tmp_path, box) as server, client(tmp_path) as caller:
        assert (await caller.ask(Verb.STATUS)).ok
        await server.__aexit__()
        assert await caller.reader.read() == b""
