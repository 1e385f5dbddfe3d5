"""The only shell: takes events from the parts, lets the device decide, performs what it says."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pi_voice.core import actions as do
from pi_voice.core.actions import Action, Sound
from pi_voice.core.device import Device
from pi_voice.core.events import Event, MicHeard, MicOpened, Started, TimerFired
from pi_voice.errors import PiVoiceError
from pi_voice.frames import AudioBatch
from pi_voice.ports import Button, Leds, Link, Memory, Microphone, Speaker, Surroundings

logger = logging.getLogger(__name__)


class SourceEndedError(PiVoiceError):
    """A part of the device stopped without being asked to: nobody may be deaf in silence."""

    def __init__(self, part: str) -> None:
        super().__init__(f"the {part} stopped working; the service starts again by itself")


class FrontEnd(Protocol):
    """Turns what the card delivers into frames for the wire, judged by the detector.

    Attributes:
        gaps: Times at which sound was missing.
    """

    gaps: int

    def process(self, batch: AudioBatch) -> MicHeard: ...

    def reset(self) -> None: ...


class Watcher(Protocol):
    """Sees every event with what was decided about it; must return at once."""

    def __call__(self, event: Event, actions: Sequence[Action], now_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything the daemon drives; real or simulated, it cannot tell."""

    microphone: Microphone
    front_end: FrontEnd
    speaker: Speaker
    button: Button
    leds: Leds
    link: Link
    sounds: Callable[[Sound], bytes]
    memory: Memory
    surroundings: tuple[Surroundings, ...] = ()


class Daemon:
    """Pumps sources into the inbox, steps the device, performs its actions.

    Attributes:
        device: Decides.
        parts: What it drives.
        watchers: See every step, in this order.
        beside: Opened once the device has decided its first step, so that nobody asks it before.
    """

    def __init__(self, device: Device, parts: Parts, *watchers: Watcher) -> None:
        self.device = device
        self.parts = parts
        self.watchers = list(watchers)
        self.beside: list[contextlib.AbstractAsyncContextManager[object]] = []
        self._inbox: deque[Event] = deque()
        self._stepping = True  # until it is started: nothing comes before what was remembered
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._stopped = asyncio.Event()
        self._fault: Exception | None = None
        self._perform = self._performers()

    async def run(
        self,
        *,
        on_ready: Callable[[], None] = lambda: None,
        on_leaving: Callable[[], None] = lambda: None,
    ) -> None:
        """Run until `stop`.

        Args:
            on_ready: Called once all parts are there and the device has decided its first step.
            on_leaving: Called after that and before the parts are given back, whatever the reason.

        Raises:
            SourceEndedError: A part stopped by itself.
        """
        parts = self.parts
        async with contextlib.AsyncExitStack() as stack:
            first = (parts.leds, parts.memory, parts.speaker, parts.microphone, parts.button)
            for part in (*first, parts.link, *parts.surroundings):
                await stack.enter_async_context(part)
            stack.callback(self._stop_timers)
            self._inbox.appendleft(Started(parts.memory.muted))
            self._decide()
            for beside in self.beside:
                await stack.enter_async_context(beside)
            stack.callback(on_leaving)
            on_ready()
            try:
                await self._pump_all()
            except BaseExceptionGroup as faults:
                raise first_fault(faults) from faults

    def stop(self) -> None:
        """Silence at once, then let `run` return."""
        self.parts.speaker.stop()
        self._stopped.set()

    def ask(self, event: Event) -> None:
        """Take an event from a callback: a fault of ours ends the daemon, not the caller."""
        try:
            self.post(event)
        except Exception as fault:  # noqa: BLE001  # nobody but the caller would hear of it
            self._fault = fault
            self._stopped.set()

    def post(self, event: Event) -> None:
        """Take an event into the inbox; every step runs to its end before the next begins."""
        self._inbox.append(event)
        if not self._stepping:
            self._decide()

    def _decide(self) -> None:
        self._stepping = True
        try:
            while self._inbox:
                self._step(self._inbox.popleft())
        finally:
            self._stepping = False

    async def _pump_all(self) -> None:
        parts = self.parts
        async with asyncio.TaskGroup() as tasks:
            pumps = [
                tasks.create_task(self._listen(), name="microphone"),
                tasks.create_task(self._pump("speaker", parts.speaker.events())),
                tasks.create_task(self._pump("button", parts.button.events())),
                tasks.create_task(self._pump("link", parts.link.events())),
                tasks.create_task(self._pump("memory", parts.memory.events())),
                *(
                    tasks.create_task(self._pump("watch on the surroundings", around.events()))
                    for around in parts.surroundings
                ),
            ]
            await self._stopped.wait()
            if self._fault is not None:
                raise self._fault
            for pump in pumps:
                pump.cancel()

    async def _listen(self) -> None:
        front_end = self.parts.front_end
        async for heard in self.parts.microphone.events():
            if isinstance(heard, AudioBatch):
                self.post(front_end.process(heard))
            else:
                if isinstance(heard, MicOpened):
                    front_end.reset()
                self.post(heard)
        raise SourceEndedError("microphone")

    async def _pump(self, part: str, source: AsyncIterator[Event]) -> None:
        async for event in source:
            self.post(event)
        raise SourceEndedError(part)

    def _step(self, event: Event) -> None:
        before = self.device.turn
        actions = self.device.handle(event)
        if self.device.turn is not before:
            logger.debug("= %s → %s", before, self.device.turn)
        for action in actions:
            self._perform[type(action)](action)
        now_s = asyncio.get_running_loop().time()
        for watcher in self.watchers:
            watcher(event, actions, now_s)

    def _performers(self) -> dict[type, Callable[[Any], None]]:
        parts = self.parts
        return {
            do.OpenMic: lambda _: parts.microphone.open(),
            do.CloseMic: lambda _: parts.microphone.close(),
            do.SendAudio: lambda a: parts.link.send_audio(a.pcm),
            do.StreamAudio: lambda a: parts.link.send_audio(a.pcm),
            do.SendTurn: lambda a: parts.link.send_turn(a.pcm),
            do.CommitTurn: lambda _: parts.link.commit_turn(),
            do.DiscardTurn: lambda _: parts.link.discard_turn(),
            do.ForgetSound: lambda _: parts.link.forget_sound(),
            do.GateLink: lambda a: parts.link.gate(muted=a.muted),
            do.CancelReply: lambda _: parts.link.cancel_reply(),
            do.TruncateReply: lambda a: parts.link.truncate_reply(a.item_id, a.heard_ms),
            do.ReportHeard: lambda a: parts.link.playback_ended(a.item_id, a.heard_ms),
            do.HangUp: lambda _: parts.link.hang_up(),
            do.WakeUp: lambda _: parts.link.wake_up(),
            do.RetryLink: lambda _: parts.link.link_up(),
            do.Say: lambda a: parts.link.say(a.text),
            do.Remember: lambda a: parts.memory.remember(a.muted),
            do.PrepareSpeaker: lambda _: parts.speaker.prepare(),
            do.Play: lambda a: parts.speaker.play(a.item_id, a.pcm),
            do.EndItem: lambda a: parts.speaker.end_item(a.item_id),
            do.StopPlayback: lambda _: parts.speaker.stop(),
            do.PlaySound: lambda a: parts.speaker.play_sound(parts.sounds(a.sound)),
            do.Show: lambda a: parts.leds.show(a.pattern),
            do.ShowMic: lambda a: parts.leds.show_mic(is_open=a.is_open),
            do.StartTimer: self._start_timer,
            do.StopTimer: self._stop_timer,
            do.Warn: lambda a: logger.warning("%s", a.text),
        }

    def _start_timer(self, action: do.StartTimer) -> None:
        self._stop_timer(do.StopTimer(action.name))
        loop = asyncio.get_running_loop()
        self._timers[action.name] = loop.call_later(action.after_ms / 1000, self._fire, action.name)

    def _fire(self, name: str) -> None:
        del self._timers[name]
        self.ask(TimerFired(name))

    def _stop_timer(self, action: do.StopTimer) -> None:
        timer = self._timers.pop(action.name, None)
        if timer is not None:
            timer.cancel()

    def _stop_timers(self) -> None:
        for name in list(self._timers):
            self._stop_timer(do.StopTimer(name))


def first_fault(faults: BaseExceptionGroup[BaseException]) -> BaseException:
    """The fault that began it; the other tasks were only cancelled."""
    fault: BaseException = faults
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault
