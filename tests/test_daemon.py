from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import pytest

from pi_voice import build
from pi_voice.config import Settings
from pi_voice.core.actions import Action, Pattern
from pi_voice.core.activation import PushToTalk
from pi_voice.core.device import Device
from pi_voice.core.events import ButtonEdge, Cue, Event, Started, Wish
from pi_voice.daemon import Daemon, Parts, SourceEndedError
from pi_voice.frames import AudioFormat
from pi_voice.sim.panel import SimLeds
from pi_voice.sim.server import EmbeddedService
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

    daemon = Daemon(Device(PushToTalk()), await parts(), muted=True, watch=watch)
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

    daemon = Daemon(Device(PushToTalk()), made, watch=watch)
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
