"""Everybody who does the same job, with what came of it: us, the floor and the peers."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.box import BOTH_WAYS, DAEMON, Box, Setup, box
from benchmarks.clients.pace import FRAME_MS, Job
from benchmarks.in_turn import Pace, Worker, in_turn
from benchmarks.peers.environments import PEERS, Absent, Peer, python_of
from benchmarks.processes import Service, program, service, working
from benchmarks.speech import endless
from benchmarks.usage import resident_mb

WARM_UP_S = 0.5
AT_REST_S = 11.0  # pings come every 2 s until nothing was said for 10 s
Came = Sequence[tuple[float, int, int]]  # when, number of the first frame, how many


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contender.

    Attributes:
        cpu_min_s: CPU for each minute.
        switches_s: Context switches per second; 0 where nobody counted.
        rss_mb: At the end.
        mic_ms: For each frame, from its last sample to the service.
        batch_ms: For each message, from its first sample to the service.
        wire_ms: For each piece of a reply, from the service to whoever plays it.
        sent_mb_min: To the service for each minute of sound, as JSON; 0 if nobody counted.
    """

    cpu_min_s: float
    switches_s: float
    rss_mb: float
    mic_ms: list[float]
    batch_ms: list[float]
    wire_ms: list[float]
    sent_mb_min: float


@dataclass(frozen=True, slots=True)
class Contender:
    """How to run one of them that streams by itself.

    Attributes:
        module: The program.
        python: Which Python runs it.
        speaks: It talks with the service; else it brings its own.
    """

    module: str
    python: str = ""
    speaks: bool = True

    async def run(self, steady: Service, job: Job) -> Run:
        await steady.ask("forget")
        said = await program(self.module, **self._given(job))
        if self.speaks:
            came, went = await steady.ask("frames"), await steady.ask("pieces")
            went_s = [at_s for at_s, _ in went]
        else:
            came, went_s = said["came"], said["went_s"]
        mic_ms, batch_ms = ages(came, said["began_s"])
        return Run(
            cpu_min_s=said["cpu_s"] * 60 / job.for_s if job.for_s else 0.0,
            switches_s=0.0,
            rss_mb=said["rss_mb"],
            mic_ms=mic_ms,
            batch_ms=batch_ms,
            wire_ms=[1000 * (to - at) for to, at in zip(said["heard_s"], went_s, strict=False)],
            sent_mb_min=await _sent_mb_min(steady, len(mic_ms) * FRAME_MS / 1000),
        )

    @asynccontextmanager
    async def worker(self, steady: Service, job: Job) -> AsyncIterator[Worker]:
        """While it works."""
        async with working(self.module, **self._given(job)) as pid:
            yield Worker(pid, steady, sends=self.speaks)

    def _given(self, job: Job) -> dict[str, Any]:
        if not self.speaks:
            return {"job": asdict(job), "peer": self.python}
        return {**asdict(job), **({"python": self.python} if self.python else {})}


FLOOR = Contender("benchmarks.clients.floor_stream")
LAYER = Contender("benchmarks.clients.layer_stream")


async def peers() -> tuple[dict[str, Contender], dict[str, str]]:
    """Those that are here, and why the others are not."""
    here, absent = {}, {}
    for peer in PEERS:
        try:
            here[peer.name] = _contender(peer, await python_of(peer))
        except Absent as why:
            absent[peer.name] = str(why)
    return here, absent


def _contender(peer: Peer, python: str) -> Contender:
    return Contender(f"benchmarks.peers.{peer.module}", python, peer.speaks)


def ages(came: Came, began_s: float) -> tuple[list[float], list[float]]:
    """In ms: of each frame from its last sample on, of each message from its first on."""
    mic_ms, batch_ms = [], []
    for at_s, first, count in came:
        since_ms = 1000 * (at_s - began_s)
        batch_ms.append(since_ms - first * FRAME_MS)
        mic_ms += [since_ms - (first + nth + 1) * FRAME_MS for nth in range(count)]
    return mic_ms, batch_ms


Works = Callable[[Service, Job], AbstractAsyncContextManager[Box]]


Start = Callable[[Service, Job], AbstractAsyncContextManager[Worker]]


async def against(
    floor: Contender, start: Start, job: Job, pace: Pace
) -> tuple[list[float], list[float]]:
    """CPU of somebody and of a floor for each minute; each has a service of its own."""
    async with service("steady") as mine, service("steady") as others:
        job = replace(job, url=mine.url, for_s=pace.whole_s)
        least = replace(job, url=others.url, frame_ms=FRAME_MS)
        async with start(mine, job) as ours, floor.worker(others, least) as theirs:
            return await in_turn(ours, theirs, pace)


def daemon(works: Works, *, sends: bool = True) -> Start:
    """How the daemon works, for `against`."""

    @asynccontextmanager
    async def start(steady: Service, job: Job) -> AsyncIterator[Worker]:
        async with works(steady, job) as made:
            opened = _openings(made)
            yield Worker(made.pid, steady, sends=sends)
            if _openings(made) > opened:
                raise RuntimeError("the daemon lost its microphone while it was measured")

    return start


def _openings(made: Box) -> int:
    return sum(note["what"] == "microphone" for note in made.notes)


async def run(works: Works, steady: Service, job: Job) -> Run:
    """The daemon once, for so long."""
    async with works(steady, job) as made:
        await steady.ask("forget")
        return await _measured(made, steady, job)


@asynccontextmanager
async def held(steady: Service, job: Job, encoding: str = "pcm") -> AsyncIterator[Box]:
    """Push to talk, and the button is held."""
    async with box(Setup(steady.url, batch_ms=job.frame_ms, encoding=encoding)) as made:
        await made.told("light", pattern="idle")
        made.press()
        await made.told("microphone")
        await asyncio.sleep(WARM_UP_S)
        yield made


@asynccontextmanager
async def at_rest(steady: Service, job: Job) -> AsyncIterator[Box]:
    """Push to talk, and nobody touches the button."""
    async with box(Setup(steady.url, batch_ms=job.frame_ms)) as made:
        await made.told("light", pattern="idle")
        await asyncio.sleep(AT_REST_S)
        yield made


@asynccontextmanager
async def open_line(steady: Service, job: Job) -> AsyncIterator[Box]:
    """An open line: everything goes up while the box talks."""
    await steady.ask("hear")
    setup = Setup(steady.url, mode="server", echo="hardware", batch_ms=job.frame_ms)
    async with box(setup) as made:
        await made.told("sound")
        await asyncio.sleep(WARM_UP_S)
        yield made


def spoken_to(steady: Service, job: Job) -> AbstractAsyncContextManager[Box]:
    """Hands-free, with its detector: somebody talks, or both at once."""
    return conversing(steady, job, BOTH_WAYS if job.duplex else DAEMON)


def replied_to(steady: Service, job: Job) -> AbstractAsyncContextManager[Box]:
    """Hands-free: the box talks, and listens for whoever wants to end that."""
    return conversing(steady, job, DAEMON)


@asynccontextmanager
async def conversing(steady: Service, job: Job, program: tuple[str, ...]) -> AsyncIterator[Box]:
    """In the middle of a turn; or of a reply, in which nobody is loud lest it ends."""
    setup = Setup(steady.url, mode="voice", echo="hardware", batch_ms=job.frame_ms)
    with tempfile.TemporaryDirectory(prefix="pi-voice-bench-") as folder:
        recording = Path(folder) / "said.pcm"
        recording.write_bytes(endless(1.0 if job.duplex else job.for_s + 4 * WARM_UP_S))
        async with box(replace(setup, program=program)) as made:
            await made.told("microphone")
            await made.told("light", pattern="idle")
            await asyncio.sleep(WARM_UP_S)  # the detector learns the room
            made.say(recording)
            await made.told("light", pattern="listening")
            if job.duplex:
                await made.told("sound")
            await asyncio.sleep(WARM_UP_S)
            yield made


@asynccontextmanager
async def listening(steady: Service, job: Job) -> AsyncIterator[Box]:
    """Hands-free: the microphone is open, and nobody talks."""
    async with box(Setup(steady.url, batch_ms=job.frame_ms, mode="voice")) as made:
        await made.told("microphone")
        await asyncio.sleep(2 * WARM_UP_S)  # the detector learns the room
        yield made


@asynccontextmanager
async def muted(steady: Service, job: Job) -> AsyncIterator[Box]:
    """Hands-free, and muted: the microphone is closed."""
    setup = Setup(steady.url, batch_ms=job.frame_ms, mode="voice", speaker_idle_s=1)
    async with box(setup) as made:
        await made.told("microphone")
        await made.click("mute")
        await made.told("light", pattern="muted")
        await asyncio.sleep(AT_REST_S)
        yield made


async def _measured(made: Box, steady: Service, job: Job) -> Run:
    used = await made.over(job.for_s)
    rss_mb = resident_mb(made.pid)
    opened = [note for note in made.notes if note["what"] == "microphone"]
    came = await steady.ask("frames")
    mic_ms, batch_ms = ages(came, opened[-1]["at_s"]) if opened else ([], [])
    return Run(
        cpu_min_s=used.cpu_s * 60 / job.for_s,
        switches_s=used.switches / job.for_s,
        rss_mb=rss_mb,
        mic_ms=mic_ms,
        batch_ms=batch_ms,
        wire_ms=[],
        sent_mb_min=await _sent_mb_min(steady, len(mic_ms) * FRAME_MS / 1000 or job.for_s),
    )


async def _sent_mb_min(steady: Service, for_s: float) -> float:
    sent_bytes: float = await steady.ask("bytes")
    return sent_bytes / 1e6 * 60 / for_s if for_s else 0.0
