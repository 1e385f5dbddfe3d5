"""What the device is told of the turns that the service finds."""

from __future__ import annotations

import asyncio

import pytest

from pi_voice.core.events import (
    LinkEvent,
    LinkUp,
    ReplyAudio,
    ReplyEnded,
    ReplyStarted,
    SpeechStarted,
    SpeechStopped,
    TurnRefused,
)
from pi_voice.sim.faults import Fault, Script, Silence
from pi_voice.sim.server import EmbeddedService
from pi_voice.transport.downlink import Downlink
from pi_voice.transport.hearing import Hearing
from pi_voice.transport.layer import WebSocketTransport
from pi_voice.transport.link import LinkSettings, ServiceLink
from tests.link_room import Room, connected, settle
from tests.stage import silence, tone
from tests.until import until

pytestmark = pytest.mark.virtual

PAUSE = silence(700)
SAID = tone(1000)


class Table:
    """Somebody who hears, and a transport that says what the test says."""

    def __init__(self) -> None:
        self.told: list[LinkEvent] = []
        self.forgotten = 0
        self.transport = WebSocketTransport()
        downlink = Downlink(self.transport, None, post=self.told.append, abandon=lambda _: None)
        Hearing(self.transport, downlink, forget=self._forget, post=self.told.append)

    def says(self, *names: str) -> None:
        for name in names:
            self.transport.emit(name, {"type": name})

    def _forget(self) -> None:
        self.forgotten += 1


STARTED = "input_audio_buffer.speech_started"
STOPPED = "input_audio_buffer.speech_stopped"
COMMITTED = "input_audio_buffer.committed"


def test_a_turn_begins_and_ends_once() -> None:
    table = Table()
    table.says(STARTED, STOPPED, COMMITTED)
    assert table.told == [SpeechStarted(), SpeechStopped()]
    assert table.forgotten == 1


def test_a_service_that_only_tells_of_the_item_is_understood() -> None:
    table = Table()
    table.says(STARTED, COMMITTED)
    assert table.told == [SpeechStarted(), SpeechStopped()]


@pytest.mark.parametrize("name", ["input_audio_buffer.cleared", "session.created"])
def test_an_end_of_what_was_cleared_or_lost_is_no_turn(name: str) -> None:
    table = Table()
    table.says(STARTED, name, STOPPED, COMMITTED)
    assert table.told == [SpeechStarted()]


def test_the_layer_leaves_the_interruption_to_the_device() -> None:
    assert Table().transport.interrupt_on_speech is False


async def speak(here: Room, pcm: bytes = SAID) -> None:
    """Say something with the silence that ends it."""
    here.speak(pcm + PAUSE)


async def test_what_is_streamed_is_answered_unasked() -> None:
    async with connected(turn_detection="server_vad") as here:
        await speak(here)
        ended = await here.tells(ReplyEnded)
        assert ended.status == "completed"
        assert len(here.session.turns) == 1
        order = [type(event) for event in here.told if not isinstance(event, ReplyAudio)]
        assert order.index(SpeechStarted) < order.index(SpeechStopped) < order.index(ReplyStarted)
        assert not here.received("response.create")
        assert not here.received("input_audio_buffer.commit")


async def test_speech_over_a_reply_ends_it_without_a_cancel_of_ours() -> None:
    async with connected(turn_detection="semantic_vad") as here:
        await speak(here, tone(8000))
        await here.tells(ReplyAudio)
        await speak(here)
        await here.tells(SpeechStarted, nth=2)
        second = await here.tells(ReplyStarted, nth=2)
        await here.tells(ReplyEnded)
        assert [event.reply_id for event in here.all(ReplyEnded)] == [second.reply_id]
        assert [cancel.reason for cancel in here.session.cancels] == ["turn_detected"]
        assert not here.received("response.cancel")
        assert not here.received("conversation.item.truncate")


async def test_nothing_of_the_reply_before_is_told_after_the_speech() -> None:
    async with connected(turn_detection="server_vad") as here:
        await speak(here, tone(8000))
        first = await here.tells(ReplyStarted)
        await here.tells(ReplyAudio)
        await speak(here)
        await here.tells(SpeechStarted, nth=2)
        at = here.told.index(SpeechStarted(), here.told.index(SpeechStarted()) + 1)
        await asyncio.sleep(30)
        late = [event for event in here.told[at:] if isinstance(event, ReplyAudio)]
        assert late
        assert {event.reply_id for event in late}.isdisjoint({first.reply_id})


async def test_a_device_that_reads_late_gets_the_new_reply_and_nothing_of_the_old() -> None:
    async with EmbeddedService() as service:
        settings = LinkSettings(service.url, turn_detection="server_vad")
        async with ServiceLink(settings) as link:
            events = link.events()
            assert isinstance(await anext(events), LinkUp)
            link.send_audio(tone(8000) + PAUSE)
            await until(lambda: bool(service.sessions[0].turns))
            await settle()
            link.send_audio(tone(500, hz=880) + PAUSE)
            turns = service.sessions[0].turns
            await until(lambda: [turn.status for turn in turns] == ["cancelled", "completed"])
            await settle()
            [truncation] = service.sessions[0].truncations
            assert truncation.audio_end_ms == 0  # nothing of it was read, so nothing was heard
            first = [type(await anext(events)) for _ in range(6)]
            assert ReplyAudio not in first[: first.index(ReplyStarted)]
            assert first.index(ReplyStarted) > first.index(SpeechStopped) + 1


async def test_a_reply_that_was_cancelled_before_it_began_is_never_told() -> None:
    async with connected(turn_detection="server_vad") as here:
        await speak(here)
        await here.tells(SpeechStopped)
        here.link.cancel_reply()
        await asyncio.sleep(30)
        assert not here.all(ReplyAudio)
        await speak(here)
        assert await here.tells(ReplyAudio)


async def test_a_turn_that_the_service_does_not_answer_is_refused() -> None:
    silent = Script(faults=[Fault(STOPPED, Silence())])
    async with connected(silent, turn_detection="server_vad") as here:
        await speak(here)
        refused = await here.tells(TurnRefused)
        assert "did not begin" in refused.reason


async def test_muting_in_mid_word_makes_no_turn_of_it() -> None:
    async with connected(turn_detection="server_vad") as here:
        here.speak(SAID)
        await here.tells(SpeechStarted)
        here.link.gate(muted=True)
        await settle()
        here.link.gate(muted=False)
        here.speak(PAUSE * 3)
        await asyncio.sleep(30)
        assert not here.session.turns
        assert not here.all(SpeechStopped)


async def stream(here: Room, pcm: bytes, *, pieces: int) -> None:
    """Say the same 100 ms again and again, at the speed of speech."""
    for _ in range(pieces):
        here.link.send_audio(pcm)
        await asyncio.sleep(0.1)


async def test_a_session_is_renewed_between_two_sentences_of_an_open_line() -> None:
    async with connected(Script(session_s=400), turn_detection="server_vad") as here:
        await stream(here, silence(100), pieces=950)
        await stream(here, tone(100), pieces=200)  # the next session is wanted from 100 s on
        assert len(here.service.sessions) == 1
        await stream(here, silence(100), pieces=300)
        await here.tells(ReplyEnded)
        here.link.playback_ended(here.all(ReplyAudio)[0].item_id, 60_000.0)
        await stream(here, silence(100), pieces=50)
        assert len(here.service.sessions) == 2


async def test_the_session_says_how_turns_are_found() -> None:
    async with connected(turn_detection="semantic_vad") as here:
        detection = here.session.config["audio"]["input"]["turn_detection"]
        assert detection["type"] == "semantic_vad"
        assert detection["create_response"] is detection["interrupt_response"] is True
