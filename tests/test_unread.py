"""What was told and not read: in order, once, and taken back while there is time."""

from __future__ import annotations

import asyncio

import pytest

from pi_voice.core.events import LinkUp, ReplyAudio, ReplyEnded, ReplyStarted, SpeechStarted
from pi_voice.transport.unread import REPLY_EVENTS, SESSION_EVENTS, Unread

pytestmark = pytest.mark.virtual


def full() -> Unread:
    unread = Unread()
    for event in (LinkUp("s"), ReplyStarted("r"), SpeechStarted(), ReplyAudio("r", "i", b"ab")):
        unread.put(event)
    return unread


async def ended(unread: Unread) -> None:
    """Let the writer end without a fault."""

    async def write() -> None:
        """Nothing more."""

    task = asyncio.create_task(write())
    await task
    unread.end(task)


async def test_events_are_read_in_order_and_once_whoever_reads() -> None:
    unread = full()
    assert await anext(aiter(unread)) == LinkUp("s")
    assert await anext(aiter(unread)) == ReplyStarted("r")
    await ended(unread)
    assert [event async for event in unread] == [SpeechStarted(), ReplyAudio("r", "i", b"ab")]


async def test_what_is_taken_back_is_never_read_and_the_rest_is() -> None:
    unread = full()
    unread.take_back(REPLY_EVENTS)
    unread.put(ReplyEnded("r", "completed"))
    await ended(unread)
    assert [event async for event in unread] == [
        LinkUp("s"),
        SpeechStarted(),
        ReplyEnded("r", "completed"),
    ]


async def test_items_are_named_of_which_nothing_was_read() -> None:
    unread = Unread()
    for item_id in ("a", "b", "a", "b", "c", "c"):
        unread.put(ReplyAudio("r", item_id, b"ab"))
    unread.put(ReplyEnded("r", "completed"))
    assert await anext(aiter(unread)) == ReplyAudio("r", "a", b"ab")
    assert unread.take_back(REPLY_EVENTS) == ["b", "c"]
    assert unread.take_back(REPLY_EVENTS) == []


async def test_a_session_is_taken_back_with_its_replies() -> None:
    unread = full()
    unread.take_back(SESSION_EVENTS)
    await ended(unread)
    assert [event async for event in unread] == [SpeechStarted()]


async def test_the_fault_of_the_writer_comes_after_what_it_told() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    unread = Unread()
    writer = asyncio.create_task(fail())
    writer.add_done_callback(unread.end)
    unread.put(SpeechStarted())
    events = aiter(unread)
    assert await anext(events) == SpeechStarted()
    with pytest.raises(ZeroDivisionError):
        await anext(events)
