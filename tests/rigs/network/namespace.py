"""A network namespace with a service in it, at the other end of a cable that can be pulled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

SERVE = """
import asyncio
from pi_voice.sim.server import EmbeddedService

async def main():
    async with EmbeddedService(host={host!r}) as service:
        print(service.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
START_S = 30.0
ROUTE_LOCALNET = "/proc/sys/net/ipv4/conf/{}/route_localnet"


def reason_to_skip() -> str | None:
    """Why this machine cannot do it; None if it can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    if shutil.which("ip") is None:
        return "there is no ip command: apt-get install iproute2"
    return None


class Namespace:
    """Enter it to have the service; both ends of its cable are on this machine.

    Attributes:
        url: Of the service.
    """

    def __init__(self, number: int) -> None:
        """Choose names and addresses.

        Args:
            number: 0–250; no two at the same time.
        """
        self.url = ""
        tag = secrets.token_hex(3)
        self._name, self._near, self._far = f"pv{tag}", f"pvn{tag}", f"pvf{tag}"
        # addresses of the loopback net, because nothing else may be spoken to without TLS
        self._here, self._there = f"127.213.{number}.1", f"127.213.{number}.2"
        self._service: asyncio.subprocess.Process

    async def __aenter__(self) -> Self:
        await _ip("netns", "add", self._name)
        await _ip("link", "add", self._near, "type", "veth", "peer", self._far)
        await _ip("link", "set", self._far, "netns", self._name)
        await _ip("addr", "add", f"{self._here}/30", "dev", self._near)
        await self._inside("addr", "add", f"{self._there}/30", "dev", self._far)
        await self._inside("link", "set", "lo", "up")
        _allow_loopback(self._near)
        allow = f"echo 1 > {ROUTE_LOCALNET.format(self._far)}"
        await _run("ip", "netns", "exec", self._name, "sh", "-c", allow)
        await self.plug_in()
        program = SERVE.format(host=self._there)
        self._service = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", self._name, sys.executable, "-c", program),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._service.stdout is not None
        async with asyncio.timeout(START_S):
            self.url = (await self._service.stdout.readline()).decode().strip()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._service.terminate()
        await self._service.communicate()
        await _ip("netns", "del", self._name)

    async def pull_here(self) -> None:
        """Our end goes down: the kernel says at once that there is no network."""
        await _ip("link", "set", self._near, "down")

    async def pull_there(self) -> None:
        """Their end goes down: what we send is lost, and nobody says so."""
        await self._inside("link", "set", self._far, "down")

    async def plug_in(self) -> None:
        await _ip("link", "set", self._near, "up")
        await self._inside("link", "set", self._far, "up")
        for say, device, there, here in (
            (_ip, self._near, self._there, self._here),
            (self._inside, self._far, self._here, self._there),
        ):  # an end that goes down forgets its way
            way = (f"{there}/32", "dev", device, "src", here, "table", "local")
            await say("route", "replace", *way)

    async def _inside(self, *words: str) -> None:
        await _ip("-n", self._name, *words)


async def _ip(*words: str) -> None:
    await _run("ip", *words)


async def _run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *words, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    _, complaint = await process.communicate()
    if process.returncode:
        raise OSError(f"{' '.join(words)}: {complaint.decode().strip()}")


def _allow_loopback(device: str) -> None:
    """Let packets of the loopback net use a cable (ip-sysctl.txt, route_localnet)."""
    Path(ROUTE_LOCALNET.format(device)).write_text("1")
