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
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pi_voice.control_wire import REQUEST_BYTES, SOCKET, Answer, Request, RequestError, Verb
from pi_voice.control_wishes import Access, Wishes

logger = logging.getLogger(__name__)

CLIENTS = 8  # a person, a few scripts, and room for some that hang
IDLE_S = 5.0  # for a whole line to come, and for an answer to be taken
CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
SO_PEERGROUPS = 59  # <asm-generic/socket.h>, which every Raspberry Pi uses; the module lacks it
GROUPS_BYTES = 1024  # 256 groups; socket.getsockopt takes no more


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
    """

    def __init__(self, folder: Path, access: Access, *, group: str) -> None:
        self._path = folder / SOCKET
        self._access = access
        self._group = group
        self._wishes = Wishes(access)
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
