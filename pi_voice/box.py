"""The whole box as a service: the daemon, and all that watches over it and speaks for it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pi_voice import build, equipment, service
from pi_voice.budget import Caps, Ledger
from pi_voice.build_audio import wire
from pi_voice.config import Settings
from pi_voice.control import ControlServer
from pi_voice.control_wishes import Access
from pi_voice.core.events import Wish
from pi_voice.core.states import Turn
from pi_voice.crashes import CrashFile, Probation, is_loop
from pi_voice.daemon import Daemon
from pi_voice.health import Health
from pi_voice.journal import Journal, last_run, last_words
from pi_voice.overview import Overview
from pi_voice.safe_mode import without_what_may_crash
from pi_voice.spending import Spending
from pi_voice.state import Memory, StateFile

logger = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0005  # at 5 ms, the default, two busy threads put gaps into the sound
STATM = Path("/proc/self/statm")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6  # 4 kB, and 16 kB on a Pi 5


def run(settings: Settings) -> None:
    """Be the device until SIGTERM.

    Raises:
        TakenError: Another one has its files where this one would have them.
    """
    device = settings.device
    with service.alone(device.runtime_dir, device.state_dir):
        journal = Journal(device.state_dir)
        crashes = CrashFile(device.runtime_dir)
        start = Start.after(crashes, settings)
        service.configure_logging(settings.log.level, journal)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        with journal.keeping():
            asyncio.run(_run(start, journal))


@dataclass(frozen=True, slots=True)
class Start:
    """How a run begins.

    Attributes:
        settings: All of them; in safe mode without what may crash.
        crashes: Those of the runs before.
        safe_mode: Why it is in safe mode, and without what; "" if it is not.
    """

    settings: Settings
    crashes: CrashFile
    safe_mode: str = ""

    @classmethod
    def after(cls, crashes: CrashFile, settings: Settings) -> Self:
        """Begin with everything, or in safe mode if the service crashes again and again."""
        counted = crashes.load()
        if not is_loop(counted, time.monotonic()):
            return cls(settings, crashes)
        safe = without_what_may_crash(settings)
        how = f"at last it {counted[-1].how}"
        words = last_words(settings.device.state_dir)
        told = f"{how} ({words})" if words and "status" in how else how
        without = ", ".join(safe.left_out) or "nothing: all of it is needed"
        return cls(safe.settings, crashes, f"{told}; it does without {without}")


async def _run(start: Start, journal: Journal) -> None:
    settings = start.settings
    memory = Memory(StateFile(settings.device.state_dir))
    async with AsyncExitStack() as stack:
        url = await build.service_url(settings, stack)
        parts = build.hardware(settings, url, memory)
        daemon = Daemon(build.device(settings, safe_mode=bool(start.safe_mode)), parts)
        safe_mode, good = start.safe_mode, start.crashes.forget
        watched = Watched(settings, daemon, memory, safe_mode=safe_mode, good=good)
        if settings.control.enabled:
            daemon.beside.append(control(settings, watched, journal))
        logger.info(
            "ready: %s, microphone %r, speaker %r, service %r",
            settings.activation.mode,
            settings.audio.microphone,
            settings.audio.speaker,
            settings.service.url,
        )
        await service.run(daemon, watched.look, journal.keep)


class Watched:
    """A daemon with those who watch over it.

    Args:
        settings: All of them.
        daemon: The one.
        memory: What outlives a power cut.
        safe_mode: Why it is in safe mode, and without what; "" if it is not.
        good: Called once it has lived long enough to be no crash any more.

    Attributes:
        daemon: The one.
        spending: Its budget.
        health: Its judge.
        overview: How it stands.
    """

    def __init__(
        self,
        settings: Settings,
        daemon: Daemon,
        memory: Memory,
        *,
        safe_mode: str = "",
        good: Callable[[], None] = lambda: None,
    ) -> None:
        self.daemon = daemon
        counters = ledger(settings)
        counters.restore(memory.spent)
        self.spending = Spending(counters, wire(settings), post=daemon.post, keep=memory.note_spent)
        self.health = Health()
        self.overview = Overview(
            daemon.device,
            self.health,
            self.spending.report,
            settings.device.name,
            disk=lambda: memory.trouble,
            gaps=self.gaps,
            safe_mode=safe_mode,
            lacks=lambda: equipment.findings(settings, daemon.parts.button, daemon.parts.leds),
        )
        self._probation = Probation(good, self._leave_safe_mode, is_safe_mode=bool(safe_mode))
        daemon.watchers += [self.spending, self.health, self.overview]

    def gaps(self) -> dict[str, int]:
        """How often each end of the sound lost some, since the start."""
        parts = self.daemon.parts
        return {"microphone": parts.front_end.gaps, "speaker": parts.speaker.gaps}

    def look(self, now_s: float, every_s: float) -> str:
        """Judge, and tell in one line.

        Raises:
            UnwellError: Only a new start helps.
        """
        self.spending.look()
        self.health.beat(now_s, every_s=every_s, rss_mb=rss_mb())
        self._probation.look(now_s, is_idle=self.daemon.device.turn is Turn.IDLE)
        return self.overview.line()

    def _leave_safe_mode(self) -> None:
        logger.info("safe mode is over; the service starts again by itself, with everything")
        self.daemon.stop()


def ledger(settings: Settings) -> Ledger:
    """The owner's limits and the prices of the model."""
    limits = settings.limits
    caps = Caps(
        turn_s=limits.turn_s,
        session_s=limits.session_min * 60,
        hour_s=limits.hour_min * 60,
        day_s=limits.day_min * 60,
        day_tokens=limits.day_tokens,
        day_money=limits.day_money,
        currency=limits.currency,
    )
    prices = limits.prices.get(settings.service.model)
    kinds = () if prices is None else prices.__slots__
    return Ledger(caps, {kind: getattr(prices, kind) for kind in kinds})


def control(settings: Settings, watched: Watched, journal: Journal) -> ControlServer:
    """The socket behind pi-voice status, mute, say and the others."""
    loop = asyncio.get_running_loop()
    access = Access(
        ask=watched.daemon.ask,
        status=lambda: watched.overview.status(loop.time()),
        logs=journal.lines,
        last_run=lambda: last_run(settings.device.state_dir),
        remote_unmute=settings.privacy.remote_unmute,
        hand_unmutes=hand_unmutes(settings),
    )
    return ControlServer(settings.device.runtime_dir, access, group=settings.control.group)


def hand_unmutes(settings: Settings) -> bool:
    """Whether a button ends a mute that was asked for; the mute switch ends only its own."""
    button = settings.button
    mutes = Wish.MUTE in (button.hold, button.tap, button.double, button.long)
    return (mutes and button.driver != "none") or settings.mute_button.pin is not None


def rss_mb() -> float:
    """Memory of this process, in MB; 0 where the kernel does not tell (proc(5), statm)."""
    try:
        return int(STATM.read_text().split()[1]) * PAGE_MB
    except OSError:
        return 0.0
