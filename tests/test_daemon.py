from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import ClassVar, Self

import pytest

from pi_voice import build
from pi_voice.config import Settings
from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Pattern
from pi_voice.core.activation import PushToTalk, VoiceActivated
from pi_voice.core.device import Device
from pi_voice.core.events import ButtonEdge, Cue, Event, Started, TimerFired, Wish
from pi_voice.daemon import Daemon, FrontEnd, Parts, SourceEndedError
from pi_voice.frames import AudioBatch, AudioFormat
from pi_voice.sim.microphone import SimMicrophone
from pi_voice.sim.panel import SimLeds
from pi_voice.sim.server import EmbeddedService
from pi_voice.state import Memory
from pi_voice.transport.link import ServiceLink
from pi_voice.transport.link_settings import LinkSettings
from tests.until import until

pytestmark = pytest.mark.virtual


class EndingButton:
    """A source that ends by itself."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def events(self) -> AsyncIterator[ButtonEdge]:
        yield ButtonEdge(pressed=False, at_s=0.0)


async def parts() -> Parts:
    async with build.simulation(Settings(), AudioFormat(24_000)) as box:
        return box.daemon.parts


async def test_the_first_event_tells_what_was_remembered() -> None:
    seen: list[Event] = []

    def watch(event: Event, actions: Sequence[Action], now_s: float) -> None:
        seen.append(event)

    memory = Memory()
    memory.muted = True
    daemon = Daemon(Device(PushToTalk()), replace(await parts(), memory=memory), watch)
    running = asyncio.create_task(daemon.run())
    await until(lambda: seen)
    daemon.stop()
    await running
    assert seen[0] == Started(muted=True)


async def test_a_part_that_stops_by_itself_ends_the_run_with_its_name() -> None:
    made = replace(await parts(), button=EndingButton())
    with pytest.raises(SourceEndedError, match="the button stopped working"):
        await Daemon(Device(PushToTalk()), made).run()


async def test_stopping_turns_the_lights_off_and_leaves_no_task_behind() -> None:
    async with EmbeddedService(), build.simulation(Settings(), AudioFormat(24_000)) as box:
        running = asyncio.create_task(box.daemon.run())
        await box.leds.shows(Pattern.IDLE)
        box.daemon.stop()
        await running
        assert box.leds.pattern is None
    await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_an_event_that_is_posted_while_another_is_handled_waits_for_its_turn() -> None:
    order: list[str] = []
    leds = SimLeds()
    made = replace(await parts(), leds=leds)
    daemon = Daemon(Device(PushToTalk()), made)

    def watch(event: Event, actions: Sequence[Action], now_s: float) -> None:
        if isinstance(event, Cue) and event.wish is Wish.MUTE:
            daemon.post(Cue(Wish.UNMUTE, now_s, local=True))
        if isinstance(event, Cue):
            order.append(event.wish)

    daemon = Daemon(Device(PushToTalk()), made, watch)
    running = asyncio.create_task(daemon.run())
    await leds.shows(Pattern.STARTING)
    daemon.post(Cue(Wish.MUTE, 1.0, local=True))
    assert order == ["mute", "unmute"]
    daemon.stop()
    await running
    assert Pattern.MUTED in leds.patterns


async def test_the_caller_hears_when_everything_is_there() -> None:
    ready: list[bool] = []
    daemon = Daemon(Device(PushToTalk()), await parts())
    running = asyncio.create_task(daemon.run(on_ready=lambda: ready.append(True)))
    await until(lambda: ready)
    daemon.stop()
    await running
    assert ready == [True]


class EndingMicrophone(SimMicrophone):
    """A microphone whose events end by themselves."""

    async def events(self) -> AsyncIterator[ev.MicEvent]:
        yield ev.MicClosed()


async def test_a_microphone_that_ends_by_itself_ends_the_run() -> None:
    made = replace(await parts(), microphone=EndingMicrophone())
    with pytest.raises(SourceEndedError, match="the microphone stopped working"):
        async with asyncio.timeout(60):
            await Daemon(Device(PushToTalk()), made).run()


class TimedDevice(Device):
    """Starts a timer of 5 s with its first event, and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(PushToTalk())
        self.told: list[Event] = []

    def handle(self, event: Event) -> list[Action]:
        self.told.append(event)
        actions = super().handle(event)
        return [*actions, do.StartTimer("test", 5000.0)] if isinstance(event, Started) else actions


async def test_no_timer_outlives_the_run() -> None:
    device = TimedDevice()
    daemon = Daemon(device, await parts())
    running = asyncio.create_task(daemon.run())
    await until(lambda: device.told)
    daemon.stop()
    await running
    await asyncio.sleep(60.0)
    assert TimerFired("test") not in device.told


class BrokenDevice(TimedDevice):
    """Has a fault of ours behind its timer."""

    def handle(self, event: Event) -> list[Action]:
        if event == TimerFired("test"):
            raise ZeroDivisionError("a fault of ours")
        return super().handle(event)


async def test_a_fault_of_ours_behind_a_timer_ends_the_run_like_any_other() -> None:
    with pytest.raises(ZeroDivisionError, match="a fault of ours"):
        await Daemon(BrokenDevice(), await parts()).run()


class CountingFrontEnd:
    """Counts how often it begins anew."""

    gaps = 0

    def __init__(self, inner: FrontEnd) -> None:
        self.resets = 0
        self._inner = inner

    def process(self, batch: AudioBatch) -> ev.MicHeard:
        return self._inner.process(batch)

    def reset(self) -> None:
        self.resets += 1
        self._inner.reset()


async def test_every_opening_of_the_microphone_begins_anew() -> None:
    async with build.simulation(Settings(), AudioFormat(24_000)) as box:
        front_end = CountingFrontEnd(box.daemon.parts.front_end)
        daemon = Daemon(Device(PushToTalk()), replace(box.daemon.parts, front_end=front_end))
        running = asyncio.create_task(daemon.run())
        await box.leds.shows(Pattern.IDLE)
        for openings in (1, 2):
            box.button.press()
            await box.leds.mic(is_open=True)
            assert front_end.resets == openings
            box.button.release()
            await box.leds.mic(is_open=False)
            await box.leds.shows(Pattern.IDLE)
        daemon.stop()
        await running


class TellingLink(ServiceLink):
    """A link that remembers what it was told to have been heard."""

    def __init__(self, settings: LinkSettings) -> None:
        super().__init__(settings)
        self.heard_ms: list[float] = []

    def playback_ended(self, item_id: str, played_ms: float) -> None:
        self.heard_ms.append(played_ms)
        super().playback_ended(item_id, played_ms)


async def test_what_was_heard_to_its_end_is_reported_to_the_link() -> None:
    async with build.simulation(Settings(), AudioFormat(24_000)) as box:
        link = TellingLink(build.link_settings(Settings(), box.service.url))
        daemon = Daemon(Device(PushToTalk()), replace(box.daemon.parts, link=link))
        running = asyncio.create_task(daemon.run())
        await box.leds.shows(Pattern.IDLE)
        await box.button.hold(1000)
        await until(lambda: link.heard_ms)
        daemon.stop()
        await running
        assert link.heard_ms[0] > 500


async def test_nothing_is_decided_before_what_was_remembered_is_known() -> None:
    seen: list[Event] = []
    memory = Memory()
    memory.muted = True
    made = replace(await parts(), memory=memory)
    daemon = Daemon(Device(VoiceActivated()), made, lambda event, *_: seen.append(event))
    daemon.post(ev.BudgetChanged("the day"))
    assert seen == []
    running = asyncio.create_task(daemon.run())
    await until(lambda: seen)
    daemon.stop()
    await running
    assert seen[:2] == [Started(muted=True), ev.BudgetChanged("the day")]


async def test_a_watcher_that_fails_ends_the_run_aloud() -> None:
    def fail(event: Event, actions: Sequence[Action], now_s: float) -> None:
        if isinstance(event, ev.LinkUp):
            raise ZeroDivisionError("a fault of ours")

    async with EmbeddedService(), build.simulation(Settings(), AudioFormat(24_000)) as box:
        box.daemon.watchers.append(fail)
        with pytest.raises(ZeroDivisionError, match="a fault of ours"):
            await box.daemon.run()


async def test_who_asks_hears_nothing_of_a_fault_of_ours_and_the_run_ends() -> None:
    def fail(event: Event, actions: Sequence[Action], now_s: float) -> None:
        if isinstance(event, Cue):
            raise ZeroDivisionError("a fault of ours")

    daemon = Daemon(Device(PushToTalk()), await parts(), fail)
    running = asyncio.create_task(daemon.run(on_ready=lambda: daemon.ask(Cue(Wish.TALK, 1.0))))
    with pytest.raises(ZeroDivisionError):
        await running


async def test_every_watcher_sees_every_step() -> None:
    seen: list[str] = []
    watchers = [lambda *_, name=name: seen.append(name) for name in "abc"]
    daemon = Daemon(Device(PushToTalk()), await parts(), *watchers)
    running = asyncio.create_task(daemon.run())
    await until(lambda: len(seen) >= 3)
    daemon.stop()
    await running
    assert seen[:3] == ["a", "b", "c"]


async def test_who_must_leave_in_time_is_told_before_the_parts_are_given_back() -> None:
    order: list[str] = []

    class SlowLeds(SimLeds):
        async def __aexit__(self, *_: object) -> None:
            order.append("leds")

    daemon = Daemon(Device(PushToTalk()), replace(await parts(), leds=SlowLeds()))
    leaving = asyncio.create_task(
        daemon.run(
            on_ready=lambda: order.append("ready"), on_leaving=lambda: order.append("leaving")
        )
    )
    await until(lambda: order)
    daemon.stop()
    await leaving
    assert order == ["ready", "leaving", "leds"]


class DeafMemory(Memory):
    """A memory that stops answering."""

    async def events(self) -> AsyncIterator[ev.Remembered]:
        return
        yield


async def test_a_memory_that_ends_by_itself_ends_the_run() -> None:
    made = replace(await parts(), memory=DeafMemory())
    with pytest.raises(SourceEndedError, match="the memory stopped working"):
        await Daemon(Device(PushToTalk()), made).run()


@pytest.mark.parametrize(
    ("event", "call"),
    [
        (ev.NetworkUp(), "link_up"),
        (Cue(Wish.HANG_UP, 1.0), "hang_up"),
        (ev.Say("dinner"), "say"),
    ],
)
async def test_what_the_device_asks_of_the_link_is_done(event: Event, call: str) -> None:
    class HeardLink(ServiceLink):
        calls: ClassVar[list[str]] = []

        def link_up(self) -> None:
            self.calls.append("link_up")

        def hang_up(self) -> None:
            self.calls.append("hang_up")

        def say(self, text: str) -> None:
            self.calls.append("say")

    async with build.simulation(Settings(), AudioFormat(24_000)) as box:
        link = HeardLink(build.link_settings(Settings(), box.service.url))
        daemon = Daemon(Device(PushToTalk()), replace(box.daemon.parts, link=link))
        running = asyncio.create_task(daemon.run())
        await box.leds.shows(Pattern.IDLE)
        daemon.post(event)
        assert call in link.calls
        daemon.stop()
        await running


async def test_what_the_device_warns_of_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    daemon = Daemon(Device(PushToTalk()), await parts())
    daemon.post(ev.BudgetChanged("the day is over"))
    running = asyncio.create_task(daemon.run())
    await until(lambda: "the day is over" in caplog.text)
    daemon.stop()
    await running


async def test_a_timer_that_is_started_again_fires_once_and_later() -> None:
    loop = asyncio.get_running_loop()
    fired_s: list[float] = []

    def watch(event: Event, actions: Sequence[Action], now_s: float) -> None:
        if event == TimerFired("test"):
            fired_s.append(now_s)

    daemon = Daemon(TwiceTimedDevice(), await parts(), watch)
    began_s = loop.time()
    running = asyncio.create_task(daemon.run())
    await asyncio.sleep(60.0)
    daemon.stop()
    await running
    assert [at_s - began_s >= 5.0 for at_s in fired_s] == [True]


class TwiceTimedDevice(Device):
    """Starts a timer of 1 s, and then the same of 5 s."""

    def __init__(self) -> None:
        super().__init__(PushToTalk())

    def handle(self, event: Event) -> list[Action]:
        actions = super().handle(event)
        timers = [do.StartTimer("test", ms) for ms in (1000.0, 5000.0)]
        return [*actions, *timers] if isinstance(event, Started) else actions
