"""A whole device as the world around it sees it: its pins, its card, its control socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pi_voice.control_wire import Answer, Request, Verb
from tests.rigs.gpio.chip import GpioChip
from tests.rigs.sound.card import SoundCard
from tests.until import POLL_S, until

TALK, MUTE, LED, MIC_LED = 17, 22, 27, 23  # BCM numbers
PATIENCE_S = 60.0  # a device that starts on a busy machine gets there
ANSWER_S = 10.0  # the box itself gives a wish 2 s
REPLY_S = 1.5  # of talk; the embedded service says it back
SETTINGS = f"""
[audio]
microphone = "{SoundCard.MICROPHONE}"
speaker = "{SoundCard.SPEAKER}"
[button]
pin = {TALK}
[mute_button]
pin = {MUTE}
[leds]
pin = {LED}
mic_pin = {MIC_LED}
"""


@dataclass(frozen=True)
class Outside:
    """One device, seen and touched from outside.

    Attributes:
        card: What it hears and speaks with; others may use the card, too.
        chip: Its pins.
        socket: Where its control socket is; it may move when the device starts again.
    """

    card: SoundCard
    chip: GpioChip
    socket: Callable[[], Path]

    async def ask(self, verb: Verb) -> Answer | None:
        """What it answers; None if nobody does, or went away before the answer."""
        writer = None
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_unix_connection(self.socket())
                writer.write(Request(verb).encode())
                line = await reader.readline()
        except (OSError, TimeoutError):
            return None
        finally:
            if writer is not None:
                writer.transport.abort()
        return Answer.decode(line) if line.endswith(b"\n") else None

    async def facts(self) -> dict[str, object]:
        """Its status; empty if nobody answers."""
        answer = await self.ask(Verb.STATUS)
        return dict(answer.status or {}) if answer else {}

    async def becomes(self, **wanted: object) -> dict[str, object]:
        """Wait until it answers and its status says this; all of that status."""
        deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            facts = await self.facts()
            if facts and wanted.items() <= facts.items():
                return facts
            assert asyncio.get_running_loop().time() < deadline_s, f"not {wanted}, but {facts}"
            await asyncio.sleep(POLL_S)

    def press(self, button: int = TALK) -> None:
        self.chip.drive(button, False)

    def release(self, button: int = TALK) -> None:
        self.chip.drive(button, True)

    async def listens(self) -> None:
        """Press, and wait until it hears: the light comes with the first sound."""
        self.press()
        await self.becomes(turn="listening")
        await until(lambda: self.chip.is_high(MIC_LED), within_s=PATIENCE_S)

    async def speaks(self) -> None:
        """Say something, and wait for the reply."""
        await self.listens()
        await asyncio.sleep(REPLY_S)
        self.release()
        await self.becomes(turn="speaking")


async def gone(pid: int) -> float:
    """Wait for the end of any process; when it came, on the loop's clock.

    Raises:
        ProcessLookupError: It had ended before.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    handle = os.pidfd_open(pid)
    try:
        loop.add_reader(handle, ended.set)
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()
        return loop.time()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def figures(spans_s: list[float]) -> str:
    """What is printed of many measurements."""
    ordered = sorted(spans_s)

    def below(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    shown = {"p50": below(0.5), "p95": below(0.95), "p99": below(0.99), "max": ordered[-1]}
    told = ", ".join(f"{name} {span_s:.2f} s" for name, span_s in shown.items())
    return f"{told} (of {len(ordered)}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)"
