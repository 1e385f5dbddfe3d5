"""The Unix socket behind pi-voice status, mute, unmute, interrupt, say and logs."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import logging
import os
import socket
import stat
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pi_voice.control_wire import REQUEST_BYTES, SOCKET, Answer, Request, RequestError, Verb
from pi_voice.core.events import Cue, Event, Say, Wish
from pi_voice.status import NOT_KEPT, Status

logger = logging.getLogger(__name__)

CLIENTS = 8  # a person, a few scripts, and room for some that hang
IDLE_S = 5.0  # for a whole line to come, and for an answer to be taken
EFFECT_S = 2.0  # a card that takes longer to close is broken
LOOKS = 100  # at the status while a wish takes effect: nobody notices 20 ms
LISTENING, ANSWERING = ("listening", "ending"), ("thinking", "speaking")
CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
NO_SPEAKER = "no_speaker"  # the name of its finding
SO_PEERGROUPS = 59  # <asm-generic/socket.h>, which every Raspberry Pi uses; the module lacks it
GROUPS_BYTES = 1024  # 256 groups; socket.getsockopt takes no more


@dataclass(frozen=True, slots=True)
class Access:
    """What the socket reaches of the box; every call returns at once.

    Attributes:
        ask: Puts an event into the inbox.
        status: How things stand.
        logs: The last lines of the log, the oldest first.
        last_run: Those of the run that ended by a fault of its own.
    """

    ask: Callable[[Event], None]
    status: Callable[[], Status]
    logs: Callable[[], Sequence[str]] = tuple
    last_run: Callable[[], Sequence[str]] = tuple


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel knows it."""

    uid: int
    groups: frozenset[int]


class ControlServer:
    """Answers at the socket while it is open. Without a socket it says so once in the log.

    Root, the user of the service and the members of the group may use it, nobody else.

    Args:
        folder: Where the socket is made.
        access: What it reaches.
        group: Name of the group.
        remote_unmute: Let the socket unmute; otherwise only a hand at the box can.
    """

    def __init__(self, folder: Path, access: Access, *, group: str, remote_unmute: bool) -> None:
        self._path = folder / SOCKET
        self._access = access
        self._group = group
        self._wishes = Wishes(access, remote_unmute=remote_unmute)
        self._gid: int | None = None
        self._inode: int | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._open(door)
            self._server = await asyncio.start_unix_server(
                self._serve, sock=door, limit=REQUEST_BYTES
            )
        except OSError as error:
            door.close()
            logger.warning(
                "no control socket at %s: %s; pi-voice status, mute and say will not work",
                self._path,
                error.strerror or error,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await server.wait_closed()
        self._remove()

    def _open(self, door: socket.socket) -> None:
        """Bind beside the place and move there: at no moment can a stranger come in."""
        self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _make_room(self._path)
        new = self._path.with_suffix(".new")
        new.unlink(missing_ok=True)
        door.bind(os.fspath(new))
        new.chmod(0o600)
        self._admit_group(new)
        door.listen(CLIENTS)
        self._inode = new.stat().st_ino
        new.replace(self._path)

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def _admit_group(self, path: Path) -> None:
        try:
            gid = grp.getgrnam(self._group).gr_gid
            if path.stat().st_gid != gid:  # chown is a call that the unit's sandbox forbids
                os.chown(path, -1, gid)
        except (KeyError, PermissionError) as error:
            why = "does not exist" if isinstance(error, KeyError) else "is not one of ours"
            logger.warning(
                "group %r %s: only root and the user of the service can use %s; "
                "name another with [control] group",
                self._group,
                why,
                self._path,
            )
            return
        self._gid = gid
        path.chmod(0o660)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"
        self._clients.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, TimeoutError):
            logger.debug("a program at the control socket went away")
        except Exception:  # noqa: BLE001  # the outermost frame: a fault here must not end the voice
            logger.exception("a fault at the control socket")
        finally:
            self._clients.discard(task)
            writer.transport.abort()  # whoever does not take an answer must not hold the socket

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:
            return
        writer.transport.set_write_buffer_limits(high=0)  # drain waits until all is taken
        refusal = self._refusal(_peer(writer))
        if refusal:
            await _tell(writer, Answer(ok=False, text=refusal))
            return
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    line = await reader.readline()
            except ValueError:
                text = f"a request has at most {REQUEST_BYTES} bytes"
                await _tell(writer, Answer(ok=False, text=text))
                return
            if not line.endswith(b"\n"):
                return
            await _tell(writer, await self._answer(line))

    def _refusal(self, peer: Peer) -> str:
        if len(self._clients) > CLIENTS:
            return f"{CLIENTS} programs talk to the box already; try again"
        if peer.uid in (0, os.geteuid()) or self._gid in peer.groups:
            return ""
        logger.warning("uid %d is not in group %r: refused", peer.uid, self._group)
        return f"only members of group {self._group!r} may do this"

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = Request.decode(line)
        except RequestError as error:
            return Answer(ok=False, text=str(error))
        if request.verb is Verb.LOGS:
            lines = self._access.last_run() if request.last_run else self._access.logs()
            return Answer(ok=True, lines=tuple(lines))
        ok, text = await self._wishes.fulfil(request)
        return Answer(ok, text, self._access.status().as_dict())


class Wishes:
    """Asks the device, and knows in one sentence what came of it.

    Args:
        access: To the device.
        remote_unmute: As of ControlServer.
    """

    def __init__(self, access: Access, *, remote_unmute: bool) -> None:
        self._access = access
        self._remote_unmute = remote_unmute

    async def fulfil(self, request: Request) -> tuple[bool, str]:
        """Do what is asked for, and wait until it took effect.

        Returns:
            Whether it did, and the sentence.
        """
        if request.verb is Verb.MUTE:
            return await self._mute()
        if request.verb is Verb.UNMUTE:
            return await self._unmute()
        if request.verb is Verb.INTERRUPT:
            return await self._interrupt()
        if request.verb is Verb.SAY:
            return self._say(request.text)
        return True, ""

    async def _mute(self) -> tuple[bool, str]:
        self._wish(Wish.MUTE)
        if await self._becomes(
            lambda now: now.muted and now.microphone != "open" and now.mute_kept
        ):
            return True, f"muted: the microphone is closed{self._until_when()}"
        if self._access.status().muted and self._access.status().microphone != "open":
            return True, "muted: the microphone is closed; the disk is slow to keep it"
        if self._access.status().muted:
            return False, (
                f"muted: nothing is sent, but the microphone is still open after {EFFECT_S:g} s. "
                "Look who holds it: sudo pi-voice mute --verify"
            )
        return False, "the box did not mute; look why: pi-voice logs"

    def _until_when(self) -> str:
        """A mute that ends with the power is worth a word."""
        found = (finding for finding in self._access.status().findings)
        lost = next((finding.text for finding in found if finding.name == NOT_KEPT), "")
        return f"; but {lost}" if lost else ""

    async def _unmute(self) -> tuple[bool, str]:
        now = self._access.status()
        if not now.muted:
            return True, f"not muted: the microphone is {_microphone(now)}"
        if now.switched_off:
            return False, "the mute switch at the box is closed; only it can unmute"
        if not self._remote_unmute:
            return False, (
                "only the button at the box can unmute; to allow it here, set [privacy] "
                "remote_unmute = true, then: sudo systemctl restart pi-voice"
            )
        self._wish(Wish.UNMUTE)
        is_kept = await self._becomes(lambda now: not now.muted and now.mute_kept)
        now = self._access.status()
        if not now.muted:
            hears = ": the box hears you again when a turn begins"
            if now.microphone == "lost":
                hears = f", but the microphone is {_microphone(now)}"
            return True, f"unmuted{hears}" + ("" if is_kept else "; the disk is slow to keep it")
        return False, "the box did not unmute; look why: pi-voice logs"

    async def _interrupt(self) -> tuple[bool, str]:
        before = self._access.status().turn
        self._wish(Wish.INTERRUPT)
        if before not in ANSWERING:
            return True, "there was nothing to interrupt"
        if await self._becomes(lambda now: now.turn not in ANSWERING):
            return True, "interrupted: the box is silent"
        return False, "the box did not stop; look why: pi-voice logs"

    def _say(self, text: str) -> tuple[bool, str]:
        now = self._access.status()
        if now.trouble:
            why = now.connection_reason or now.trouble.replace("_", " ")
            return False, f"the box cannot say it, because only the service can speak: {why}"
        if lost := next((found for found in now.findings if found.name == NO_SPEAKER), None):
            return False, f"the box cannot say it: {lost.text}. {lost.hint}".rstrip(". ")
        if now.turn in LISTENING:
            return False, "somebody talks to the box; try again"
        self._access.ask(Say(text))
        return True, "the box was asked to say it"

    def _wish(self, wish: Wish) -> None:
        self._access.ask(Cue(wish, asyncio.get_running_loop().time()))

    async def _becomes(self, fact: Callable[[Status], bool]) -> bool:
        """Wait until the status shows it; False if it takes too long."""
        for _ in range(LOOKS):
            if fact(self._access.status()):
                return True
            await asyncio.sleep(EFFECT_S / LOOKS)
        return fact(self._access.status())


def _microphone(now: Status) -> str:
    return f"{now.microphone}: {now.microphone_reason}" if now.microphone_reason else now.microphone


def _make_room(path: Path) -> None:
    """Let a socket that nobody listens at any more be replaced.

    Raises:
        OSError: Something else is there, or somebody answers.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(None, "something that is no socket is there; remove it")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as caller:
        try:
            caller.connect(os.fspath(path))
        except ConnectionRefusedError:
            return
        except BlockingIOError:  # it is there, and busy
            pass
    raise FileExistsError(None, "another pi-voice answers there; stop it first")


def _peer(writer: asyncio.StreamWriter) -> Peer:
    door = writer.get_extra_info("socket")
    packed = door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    _, uid, gid = CREDENTIALS.unpack(packed)
    try:
        listed = door.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, GROUPS_BYTES)
    except OSError:  # more groups than that
        listed = b""
    return Peer(uid, frozenset((gid, *(g for (g,) in struct.iter_unpack("I", listed)))))


async def _tell(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(answer.encode())
    async with asyncio.timeout(IDLE_S):
        await writer.drain()
