"""A service gone mad: no exception, no deafness, nothing stuck, no growth."""

from __future__ import annotations

import gc
import logging
import resource
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

import pytest

from pi_voice.transport.contracts import TransportStatus
from pi_voice.transport.cut_replies import MOST_CUT
from pi_voice.transport.heard import MOST_ITEMS as MOST_PARTS
from pi_voice.transport.history import MOST_ITEMS
from pi_voice.transport.tool_calls import MOST_CALLS
from tests.dialogue import MS, Room
from tests.mutations import mutated

BLOCK = 500
GROWTH_KIB = 32 * 1024


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def reconnect(room: Room) -> None:
    room.protocol.lost(TransportStatus.RECONNECTING)
    room.protocol.opened()
    room.protocol.ready()


def played(room: Room, frames: int) -> None:
    for part in room.dialog.heard.position()[:2]:
        room.dialog.heard.on_played(part.item_id, part.content_index, frames)


def disturb(room: Room, dice: Random) -> None:
    """A program and a line that do not wait for the service to come to its senses."""
    calls = room.calls
    answer = {"call_id": "c1", "id": "f1"}
    deeds: tuple[Callable[[], object], ...] = (
        lambda: calls.request_response(None),
        lambda: room.protocol.interrupt(cancel=dice.random() < 0.5),
        lambda: room.dialog.cancel(),
        lambda: calls.send_audio(memoryview(MS * 20)),
        lambda: calls.mute(muted=dice.random() < 0.5),
        lambda: calls.send_message("hi", None, trigger=True),
        lambda: calls.update_session_config({"instructions": str(dice.random())}),
        lambda: calls.send_function_call_output(answer, "x", respond=True),
        lambda: room.protocol.guard(),
        lambda: played(room, dice.randrange(1000)),
        lambda: reconnect(room) if dice.random() < 0.1 else None,
    )
    dice.choice(deeds)()


def check_sane(room: Room, number: int) -> None:
    """The next reply is asked for and heard, whatever came before."""
    room.forget()
    name, item = f"clean_{number}", f"item_{number}"
    room.reply(name, item)
    room.forget()
    room.calls.request_response(None)
    room.done(name)
    assert "response.create" in room.types()
    room.reply(name, item).speaks(20, name, item)
    assert [sound.item_id for sound in room.all("audio")] == [item]
    room.done(name)
    room.forget()


def check_small(room: Room) -> None:
    dialog = room.dialog
    assert len(dialog.history) <= MOST_ITEMS
    assert len(dialog.heard.position()) <= MOST_PARTS
    assert len(dialog._cut) <= MOST_CUT
    assert len(dialog.calls._open) <= MOST_CALLS
    assert len(dialog.responses._waiting) <= 2
    assert len(dialog.effects) == 0


def fuzz(events: int, seed: int) -> None:
    dice = Random(seed)
    room = Room().connect()
    messages = mutated(dice)
    for block in range(events // BLOCK):
        for message in islice(messages, BLOCK):
            room.protocol.receive(message)
            if dice.random() < 0.2:
                disturb(room, dice)
            room.perform()
        check_small(room)
        check_sane(room, block)


def kept(root: object) -> int:
    """How much is in all containers that an object of ours leads to."""
    seen: set[int] = set()
    waiting, total = [root], 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, dict | list | tuple | set | deque):
            total += len(thing)
        elif not type(thing).__module__.startswith("pi_voice"):
            continue
        waiting.extend(gc.get_referents(thing))
    return total


def converse(room: Room, numbers: range) -> None:
    """Turns of a sane service: heard, cancelled and never truncated, or never reported."""
    ends: tuple[Callable[[str], object], ...] = (
        lambda item: room.dialog.heard.on_played(item, 0, 2400),
        lambda item: room.dialog.cancel(),
        lambda item: None,
    )
    for number in numbers:
        user, reply, item = (f"{kind}{number}" for kind in ("u", "r", "a"))
        room.calls.send_audio(memoryview(MS * 100))
        room.calls.commit_audio()
        room.calls.request_response({"instructions": str(number)})
        room.says("input_audio_buffer.committed", item_id=user)
        message = {"id": user, "type": "message", "role": "user", "content": []}
        room.says("conversation.item.added", item=message).reply(reply, item)
        room.says("response.output_audio_transcript.delta", item_id=item, delta="hello")
        room.speaks(100, reply, item)
        ends[number % len(ends)](item)
        call = {"id": f"f{number}", "type": "function_call", "status": "completed"}
        room.says("response.output_item.done", response_id=reply, item=call)
        room.calls.update_session_config({"instructions": str(number)})
        room.done(reply).fails("whatever", event_id=user)
        room.forget()


def test_thousands_of_turns_leave_no_trace() -> None:
    room = Room().connect()
    converse(room, range(1000, 2500))
    before = kept(room.protocol)
    converse(room, range(2500, 4000))
    assert kept(room.protocol) == before
    reconnect(room)
    room.forget()
    before = kept(room.protocol)
    for _ in range(1000):
        reconnect(room)
        room.forget()
    assert kept(room.protocol) == before


@pytest.mark.off_the_wire
@pytest.mark.parametrize("seed", range(4))
def test_a_mad_service_harms_nobody(seed: int) -> None:
    fuzz(5_000, seed)


def test_the_madness_is_the_same_for_the_same_seed() -> None:
    first, second = (list(islice(mutated(Random(7)), 300)) for _ in range(2))
    assert first == second


@pytest.mark.off_the_wire
@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_million_mad_events_harm_nobody_and_leave_no_trace() -> None:
    fuzz(20_000, seed=99)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fuzz(1_000_000, seed=100)
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= GROWTH_KIB
