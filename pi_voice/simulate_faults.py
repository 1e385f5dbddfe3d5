"""The faults of a simulation by name, and the weather that brings them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from pi_voice.build import Simulation
from pi_voice.core.actions import Pattern
from pi_voice.sim.faults import Close, Lose, Refusal, Repeat, Send, Silence, Swap
from pi_voice.sim.network import Network
from pi_voice.sim.service_wire import Wire, error_event
from pi_voice.simulate_record import Record, Spell, Violation

PERIOD_S = 90.0  # from one fault to the next, on average
SHORTEST_PAUSE_S = 5.0
HOUR_S = 3600.0
MID_TURN_S = 120.0  # so long is waited for somebody to talk
LOOK_S = 0.05
ENOUGH_S = 1800.0  # by then somebody has asked twice
REFUSED_S = 20.0  # by then somebody who was refused twice has tried again
NETWORK_S = 12.0  # the slowest way back after a lost link: a patient attempt and the longest pause
PATIENT_S = 330.0  # whoever asks for patience gets up to five minutes of it
CLOSE_CODES = (1000, 1001, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 4000, 4999)
DELTA = "response.output_audio.delta"
RESTING = (Pattern.IDLE, Pattern.MUTED, Pattern.ASLEEP)
WELL = {
    Pattern.IDLE,
    Pattern.OPENING,
    Pattern.LISTENING,
    Pattern.THINKING,
    Pattern.SPEAKING,
    Pattern.MUTED,
    Pattern.ASLEEP,
    Pattern.NO_SPEAKER,  # it is only looked for when there is something to say
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault can strike.

    Attributes:
        box: The device and its room.
        network: The way to the service.
        chance: The dice.
        hands: Held by whoever uses the button.
    """

    box: Simulation
    network: Network
    chance: Random
    hands: asyncio.Lock


Strike = Callable[[Scene], Awaitable[None]]  # raises Violation if the box never gets over it


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the table.

    Attributes:
        part: What it strikes.
        strike: Does it, and returns when it is over.
        recover_s: How long the box may take to be well after it.
    """

    part: str
    strike: Strike
    recover_s: float = NETWORK_S


async def _link_reset(scene: Scene) -> None:
    scene.network.cut()


async def _link_black_hole(scene: Scene) -> None:
    scene.network.black_hole()
    await asyncio.sleep(scene.chance.uniform(0.2, 120))
    scene.network.heal()


async def _link_stall(scene: Scene) -> None:
    scene.network.stall()
    await asyncio.sleep(scene.chance.uniform(0.2, 30))
    scene.network.heal()


async def _link_gone(scene: Scene) -> None:
    scene.network.cut()
    scene.network.refuse()
    await asyncio.sleep(scene.chance.uniform(0.2, 120))
    scene.network.heal()


async def _slow_uplink(scene: Scene) -> None:
    scene.network.bytes_per_s = scene.chance.choice((20_000, 40_000, 70_000, 100_000))
    scene.network.window_bytes = 16_384
    scene.network.delay_ms = scene.chance.choice((20, 150, 400))
    await asyncio.sleep(scene.chance.uniform(5, 60))
    fresh = Network()
    scene.network.bytes_per_s = fresh.bytes_per_s
    scene.network.window_bytes = fresh.window_bytes
    scene.network.delay_ms = fresh.delay_ms


async def _server_close(scene: Scene) -> None:
    scene.box.service.tell(Close(scene.chance.choice(CLOSE_CODES), "so it is"))


async def _session_cap(scene: Scene) -> None:
    scene.box.service.expire()


async def _error_events(scene: Scene) -> None:
    errors = [
        error_event("server_error", "The server had an error.", kind="server_error"),
        error_event("invalid_value", "Invalid value.", param="session.nothing"),
        error_event("response_cancel_not_active", "Cancellation failed: no active response found"),
        error_event("something_new", "Nobody has seen this one before."),
    ]
    scene.box.service.tell(*scene.chance.choices(errors, k=scene.chance.choice((1, 3, 100))))


async def _stuck_response(scene: Scene) -> None:
    at = scene.chance.choice(("response.created", "response.output_item.added", DELTA))
    scene.box.service.plan(at, Lose())
    await _while_planned(scene)


async def _silent_session(scene: Scene) -> None:
    """Let the service read on and say nothing, until the box has had enough of it."""
    session = scene.box.service.sessions[-1]
    scene.box.service.tell(Silence())
    if not await waits_for(lambda: session.closed_at_s is not None, ENOUGH_S):
        raise Violation(f"the box kept a session that said nothing for {ENOUGH_S / 60:.0f} min")


async def _malformed_events(scene: Scene) -> None:
    nested = "[" * 100_000
    garbage: list[Wire | str] = [
        "{not json",
        "null",
        '"a string"',
        nested,
        '{"type": 7}',
        '{"type": "response.humming", "pitch": 1e999}',
        {"type": DELTA, "response_id": 5, "item_id": None, "delta": "@@@"},
        {"type": "response.done", "response": []},
        {"type": "session.updated", "session": None},
    ]
    scene.box.service.tell(*scene.chance.choices(garbage, k=scene.chance.choice((1, 5))))


async def _repeated_deltas(scene: Scene) -> None:
    scene.box.service.plan(DELTA, Repeat())
    scene.box.service.plan("response.done", Repeat())
    await _while_planned(scene)


async def _reordered_deltas(scene: Scene) -> None:
    scene.box.service.plan(DELTA, Swap())
    await _while_planned(scene)


async def _overload(scene: Scene) -> None:
    many = scene.chance.choice((1, 2, 3))
    status = scene.chance.choice((429, 503))
    scene.box.service.refuse(*itertools.repeat(Refusal(status, retry_after_s=2), many))
    scene.box.service.tell(Close(1013, "try again later"))
    await asyncio.sleep(REFUSED_S)
    scene.box.service.relent()


async def _garbage_for_audio(scene: Scene) -> None:
    scene.box.service.plan(DELTA, Send({"type": DELTA, "delta": "!"}, instead=True))
    await _while_planned(scene)


async def _microphone_unplugged(scene: Scene) -> None:
    scene.box.microphone.unplug()
    await asyncio.sleep(scene.chance.uniform(0.2, 20))
    scene.box.microphone.plug_in()


async def _microphone_busy(scene: Scene) -> None:
    scene.box.microphone.refuse()
    await asyncio.sleep(scene.chance.uniform(1, 20))
    scene.box.microphone.accept()


async def _microphone_stalled(scene: Scene) -> None:
    scene.box.microphone.stall(handles=scene.chance.choice((1, 2)))
    await asyncio.sleep(scene.chance.uniform(1, 20))
    scene.box.microphone.recover()


async def _microphone_trickling(scene: Scene) -> None:
    scene.box.microphone.trickle(every=scene.chance.choice((2, 25)))
    await asyncio.sleep(scene.chance.uniform(1, 20))
    scene.box.microphone.recover()


async def _microphone_zeros(scene: Scene) -> None:
    scene.box.microphone.deliver_zeros()
    await asyncio.sleep(scene.chance.uniform(1, 30))
    scene.box.microphone.recover()


async def _microphone_overflow(scene: Scene) -> None:
    if await waits_for(lambda: scene.box.microphone.is_open, MID_TURN_S):
        scene.box.microphone.overflow(batches=scene.chance.choice((1, 5)))
        await waits_for(lambda: not scene.box.microphone.is_open, MID_TURN_S)
        scene.box.microphone.overflow(batches=0)  # what it had no time to lose


async def _speaker_unplugged(scene: Scene) -> None:
    scene.box.speaker.unplug()
    await asyncio.sleep(scene.chance.uniform(0.2, 20))
    scene.box.speaker.plug_in()


async def _speaker_stalled(scene: Scene) -> None:
    scene.box.speaker.stall()
    await asyncio.sleep(scene.chance.uniform(0.2, 10))
    scene.box.speaker.recover()


async def _button_bouncing(scene: Scene) -> None:
    scene.box.button.bounces = scene.chance
    await asyncio.sleep(scene.chance.uniform(10, 120))
    scene.box.button.bounces = None


async def _button_stuck(scene: Scene) -> None:
    async with scene.hands:
        await scene.box.button.hold(scene.chance.uniform(2_000, 90_000))
        await waits_for(lambda: scene.box.leds.pattern in RESTING, MID_TURN_S)


async def waits_for(fact: Callable[[], bool], within_s: float) -> bool:
    """Look twenty times a second; False if it did not come true in time."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + within_s
    while not fact():
        if loop.time() >= until_s:
            return False
        await asyncio.sleep(LOOK_S)
    return True


async def _while_planned(scene: Scene) -> None:
    """Give the service time to do it; what it had no occasion for is forgotten."""
    await waits_for(lambda: not scene.box.service.has_plans, MID_TURN_S)
    scene.box.service.relent()


FAULTS = {
    "link_reset": Fault("link", _link_reset),
    "link_black_hole": Fault("link", _link_black_hole),
    "link_stall": Fault("link", _link_stall),
    "link_gone": Fault("link", _link_gone),
    "slow_uplink": Fault("link", _slow_uplink),
    "server_close": Fault("service", _server_close, PATIENT_S),
    "session_cap": Fault("service", _session_cap),
    "error_events": Fault("service", _error_events),
    "stuck_response": Fault("service", _stuck_response, 60.0),
    "silent_session": Fault("service", _silent_session),
    "malformed_events": Fault("service", _malformed_events),
    "repeated_deltas": Fault("service", _repeated_deltas),
    "reordered_deltas": Fault("service", _reordered_deltas),
    "garbage_for_audio": Fault("service", _garbage_for_audio),
    "overload": Fault("service", _overload, PATIENT_S),
    "microphone_unplugged": Fault("microphone", _microphone_unplugged, 5.0),
    "microphone_busy": Fault("microphone", _microphone_busy, 5.0),
    "microphone_stalled": Fault("microphone", _microphone_stalled, 5.0),
    "microphone_trickling": Fault("microphone", _microphone_trickling, 5.0),
    "microphone_zeros": Fault("microphone", _microphone_zeros, 5.0),
    "microphone_overflow": Fault("microphone", _microphone_overflow, 5.0),
    "speaker_unplugged": Fault("speaker", _speaker_unplugged, 5.0),
    "speaker_stalled": Fault("speaker", _speaker_stalled, 5.0),
    "button_bouncing": Fault("button", _button_bouncing, 1.0),
    "button_stuck": Fault("button", _button_stuck, 100.0),
}


class Weather:
    """Brings a fault about every 90 s; every other hour it leaves link and service alone.

    In those hours sessions live to their natural end, and nothing excuses a silent box.
    """

    def __init__(self, scene: Scene, record: Record, names: Sequence[str]) -> None:
        self._scene = scene
        self._record = record
        self._faults = {name: FAULTS[name] for name in names}
        self._calm = [n for n, f in self._faults.items() if f.part not in ("link", "service")]

    async def blow(self) -> None:
        loop = asyncio.get_running_loop()
        began_s, next_s = loop.time(), loop.time()
        while True:
            next_s += self._scene.chance.expovariate(1 / PERIOD_S)
            await asyncio.sleep(max(SHORTEST_PAUSE_S, next_s - loop.time()))
            calm = int((loop.time() - began_s) / HOUR_S) % 2
            names = self._calm if calm else list(self._faults)
            if names:
                await self._strike(self._scene.chance.choice(names))

    async def _strike(self, name: str) -> None:
        fault, loop = self._faults[name], asyncio.get_running_loop()
        if self._scene.chance.random() < 0.5 and fault.part != "button":
            await self._mid_turn()
        spell = Spell(name, fault.part, loop.time(), fault.recover_s)
        self._record.strikes(spell)
        try:
            await fault.strike(self._scene)
        except Violation as violation:
            self._record.fail(str(violation))
        self._record.ends(spell, loop.time())
        await self._recovers(spell, loop.time())

    async def _recovers(self, spell: Spell, ended_s: float) -> None:
        await asyncio.sleep(LOOK_S)
        if await waits_for(self._is_well, spell.recover_s):
            took_s = asyncio.get_running_loop().time() - ended_s
            self._record.recoveries_s[spell.name].append(took_s)
        else:
            shown = self._scene.box.leds.pattern
            told = f"{spell.recover_s:.0f} s after {spell.name} the light still shows {shown}"
            self._record.fail(told)

    def _is_well(self) -> bool:
        return self._record.online and self._scene.box.leds.pattern in WELL

    async def _mid_turn(self) -> None:
        """Wait until somebody talks or is answered, and then for any moment of that."""
        leds = self._scene.box.leds
        await waits_for(lambda: leds.pattern not in RESTING, MID_TURN_S)
        await asyncio.sleep(self._scene.chance.uniform(0, 5))
