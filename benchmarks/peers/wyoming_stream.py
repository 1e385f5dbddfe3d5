"""The same job through `wyoming-satellite`, with raw sound at 24 kHz from and to commands.

It has no Realtime protocol: here is its server, which takes its sound and sends it a reply. Only
its own process counts; what stands for microphone and speaker are processes beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks.clients.pace import (
    DELTA_MS,
    SETTLE_S,
    Job,
    job,
    noise,
    number_of,
    tell,
    ticks,
)
from benchmarks.usage import resident_mb, usage

FORMAT = {"rate": 24_000, "width": 2, "channels": 1}
AHEAD = 2


class Server:
    """What a satellite talks to.

    Attributes:
        came: When each frame came, and its number.
        flows: The first one came.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came: list[tuple[float, int]] = []
        self.flows = asyncio.Event()
        self._reader = reader
        self._writer = writer

    def send(self, kind: str, data: dict[str, Any] | None = None, payload: bytes = b"") -> None:
        header = {"type": kind, "data": data or {}, "payload_length": len(payload)}
        self._writer.write(json.dumps(header).encode() + b"\n" + payload)

    async def read(self) -> None:
        """Note when every frame came, and its number."""
        while line := await self._reader.readline():
            event = json.loads(line)
            await self._reader.readexactly(event.get("data_length") or 0)
            payload = await self._reader.readexactly(event.get("payload_length") or 0)
            if event["type"] == "audio-chunk":
                self.came.append((time.monotonic(), number_of(payload)))
                self.flows.set()

    async def talk(self, went_s: list[float]) -> None:
        self.send("audio-start", FORMAT)
        piece = noise(DELTA_MS)
        for _ in range(AHEAD):
            went_s.append(time.monotonic())
            self.send("audio-chunk", FORMAT, piece)
        async for _ in ticks(DELTA_MS):
            went_s.append(time.monotonic())
            self.send("audio-chunk", FORMAT, piece)


@contextlib.asynccontextmanager
async def satellite(
    python: str, frame_ms: int, folder: Path
) -> AsyncIterator[tuple[int, Server, float]]:
    """Its process, its server, and when it was there."""
    port = _free_port()
    part = f"{sys.executable} -m benchmarks.peers.wyoming_part"
    process = await asyncio.create_subprocess_exec(
        # its own command does not start: it names a function that is not there
        *(python, "-m", "wyoming_satellite", "--name", "box", "--no-zeroconf"),
        *("--uri", f"tcp://127.0.0.1:{port}"),
        *("--mic-command", f"{part} microphone {folder / 'microphone'}"),
        *("--mic-command-rate", "24000", "--mic-command-samples-per-chunk", str(24 * frame_ms)),
        *("--snd-command", f"{part} speaker {folder / 'speaker'}", "--snd-command-rate", "24000"),
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        reader, writer = await _connected(port)
        server = Server(reader, writer)
        reading = asyncio.create_task(server.read())
        server.send("run-satellite")
        yield process.pid, server, time.monotonic()
        reading.cancel()
        writer.close()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def main(job: Job, python: str) -> None:
    went_s: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with satellite(python, job.frame_ms, folder) as (pid, server, ready_s):
            await server.flows.wait()
            talking = asyncio.create_task(server.talk(went_s)) if job.duplex else None
            if job.idle:
                server.send("pause-satellite")
            tell({"pid": pid})
            await asyncio.sleep(SETTLE_S)
            before = usage(pid)
            await asyncio.sleep(job.for_s)
            used = usage(pid) - before
            rss_mb = resident_mb(pid)
            if talking is not None:
                talking.cancel()
        began_s = float((folder / "microphone").read_text())
        heard = folder / "speaker"
        heard_s = [float(line) for line in heard.read_text().split()] if heard.exists() else []
    tell(
        {
            "cpu_s": used.cpu_s,
            "threads": used.threads,
            "rss_mb": rss_mb,
            "ready_s": ready_s,
            "began_s": began_s,
            "heard_s": heard_s,
            "came": [(at_s, number, 1) for at_s, number in server.came],
            "went_s": went_s,
        }
    )


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(30):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    given = job()
    asyncio.run(main(Job(**given["job"]), given["peer"]))
