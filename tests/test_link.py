"""The device's link against the embedded service, on simulated time and a network of memory."""

from __future__ import annotations

import asyncio
from array import array

import pytest

from pi_voice.core.events import (
    AudioDropped,
    LinkDown,
    LinkUp,
    ReplyAudio,
    ReplyAudioEnded,
    ReplyEnded,
    ReplyStarted,
    TurnRefused,
    Used,
)
from pi_voice.ports import Link
from pi_voice.sim.faults import Fault, Script, Send
from pi_voice.sim.network import Network
from pi_voice.sim.parrot import Call
from pi_voice.sim.server import EmbeddedService
from pi_voice.transport.link import LinkSettings, ServiceLink
from tests.link_room import SPEECH, WAIT_S, connected, room, settle
from tests.stage import tone
from tests.until import until

pytestmark = pytest.mark.virtual


def conforms(link: ServiceLink) -> Link:
    """The type checker proves it."""
    return link


# -- a turn and its reply


async def test_what_is_said_comes_back_as_one_reply_with_its_beginning_and_end() -> None:
    async with connected() as here:
        started = await here.ask()
        ended = await here.tells(ReplyEnded)
        assert here.heard() == SPEECH
        assert here.session.turns[0].pcm == SPEECH
        item_id = here.all(ReplyAudio)[0].item_id
        assert here.all(ReplyAudioEnded) == [ReplyAudioEnded(started.reply_id, item_id)]
        assert ended == ReplyEnded(started.reply_id, "completed")
        assert {event.reply_id for event in here.all(ReplyAudio)} == {started.reply_id}


async def test_the_link_is_up_only_when_the_session_is_as_the_device_wants_it() -> None:
    async with room(instructions="Be short.", voice="marin") as here:
        up = await here.tells(LinkUp)
        config = here.session.config
        assert up.session_id == here.session.id
        assert config["instructions"] == "Be short."
        assert config["audio"]["input"]["turn_detection"] is None
        assert config["audio"]["output"]["voice"] == "marin"


@pytest.mark.parametrize("encoding", ["pcmu", "pcma"])
async def test_with_g711_the_device_speaks_and_hears_pcm_at_8_khz(encoding: str) -> None:
    said = tone(1000, rate_hz=8000)
    async with connected(encoding=encoding) as here:
        await here.ask(said)
        await here.tells(ReplyEnded)
        assert len(here.session.turns[0].pcm) == len(said) // 2
        heard = array("h", here.heard())
        assert len(heard) == len(said) // 2
        assert all(abs(a - b) < 600 for a, b in zip(heard, array("h", said), strict=True))


async def test_half_a_sample_waits_for_its_other_half() -> None:
    def delta(sound: str) -> Send:
        event = {"type": "response.output_audio.delta", "item_id": "i", "content_index": 0}
        return Send(event | {"delta": sound, "output_index": 0, "response_id": "r"})

    deeds = [Fault("input_audio_buffer.cleared", delta(sound)) for sound in ("AQID", "BAUG")]
    async with connected(Script(faults=deeds)) as here:
        here.link.send_audio(SPEECH)
        here.link.discard_turn()
        await until(lambda: here.heard() == bytes([1, 2, 3, 4, 5, 6]))
        assert [event.pcm for event in here.all(ReplyAudio)] == [b"\1\2", b"\3\4\5\6"]


async def test_parts_of_an_item_have_names_of_their_own() -> None:
    def delta(index: int) -> Fault:
        event = {"type": "response.output_audio.delta", "item_id": "i", "content_index": index}
        event |= {"delta": "AQI=", "output_index": 0, "response_id": "r"}
        return Fault("input_audio_buffer.cleared", Send(event))

    async with connected(Script(faults=[delta(0), delta(1)])) as here:
        here.link.send_audio(SPEECH)
        here.link.discard_turn()
        await here.tells(ReplyAudio, nth=2)
        assert [event.item_id for event in here.all(ReplyAudio)] == ["i", "i#1"]
        here.link.truncate_reply("i#1", 0.0)
        await settle()
        [truncation] = here.received("conversation.item.truncate")
        assert (truncation["item_id"], truncation["content_index"]) == ("i", 1)


async def test_a_discarded_turn_is_cleared_at_the_service() -> None:
    async with connected() as here:
        here.speak()
        here.link.discard_turn()
        await here.ask(SPEECH[:9600])
        assert here.session.turns[0].pcm == SPEECH[:9600]


async def test_a_turn_that_is_too_short_is_refused_and_brings_no_reply() -> None:
    async with connected() as here:
        here.link.send_audio(SPEECH[:960])
        here.link.commit_turn()
        refused = await here.tells(TurnRefused)
        await asyncio.sleep(30)
        assert "buffer too small" in refused.reason
        assert here.all(ReplyStarted) == []


async def test_a_refused_request_for_a_reply_is_told() -> None:
    def answer(event_id: str) -> Send:
        error = {"type": "invalid_request_error", "code": "nope", "message": "no more replies"}
        return Send({"type": "error", "error": error | {"event_id": event_id}})

    script = Script(faults=[Fault("response.create", answer("pv_turn_1"))])
    async with connected(script) as here:
        here.speak()
        here.link.commit_turn()
        assert "no more replies" in (await here.tells(TurnRefused)).reason


async def test_a_reply_that_failed_says_why() -> None:
    details = {"type": "failed", "error": {"type": "server_error", "message": "out of words"}}
    response = {"id": "r", "object": "realtime.response", "status": "failed", "output": []}
    done = Send({"type": "response.done", "response": response | {"status_details": details}})
    script = Script(faults=[Fault("input_audio_buffer.cleared", done)])
    async with connected(script) as here:
        here.link.send_audio(SPEECH)
        here.link.discard_turn()
        assert await here.tells(ReplyEnded) == ReplyEnded("r", "failed", "out of words")


# -- interruptions


async def test_nothing_of_a_cancelled_reply_is_told() -> None:
    async with connected() as here:
        await here.ask(tone(8000))
        await here.tells(ReplyAudio)
        here.link.cancel_reply()
        told = len(here.told)
        await asyncio.sleep(30)
        assert [type(event) for event in here.told[told:]] == [Used]
        assert len(here.session.cancels) == 1


async def test_what_was_told_but_not_yet_read_is_taken_back() -> None:
    async with EmbeddedService() as service:
        async with ServiceLink(LinkSettings(service.url)) as link:
            events = link.events()
            assert isinstance(await anext(events), LinkUp)
            link.send_audio(SPEECH)
            link.commit_turn()
            await until(
                lambda: [turn.status for turn in service.sessions[0].turns] == ["completed"]
            )
            link.cancel_reply()
            link.send_audio(tone(500, hz=880))
            link.commit_turn()
            assert isinstance(await anext(events), Used)
            assert isinstance(await anext(events), ReplyStarted)
            sound = await anext(events)
            assert isinstance(sound, ReplyAudio)
            assert tone(500, hz=880).startswith(sound.pcm)


@pytest.mark.parametrize("delay_ms", [0, 40, 400])
async def test_a_reply_cancelled_before_it_began_never_appears(
    network: Network, delay_ms: int
) -> None:
    network.delay_ms = delay_ms
    async with connected() as here:
        here.speak()
        here.link.commit_turn()
        here.link.cancel_reply()
        second = await here.ask(tone(500, hz=880))
        await here.tells(ReplyEnded)
        await asyncio.sleep(30)
        assert here.heard() == tone(500, hz=880)
        assert [event.reply_id for event in here.all(ReplyStarted)] == [second.reply_id]
        assert [event.reply_id for event in here.all(ReplyEnded)] == [second.reply_id]


async def test_a_reply_that_waits_for_another_one_is_cancelled_with_it() -> None:
    async with connected() as here:
        await here.ask(tone(8000))
        here.speak()
        here.link.commit_turn()
        here.link.cancel_reply()
        told = len(here.told)
        await asyncio.sleep(60)
        assert {type(event) for event in here.told[told:]} == {Used}
        assert len(here.session.cancels) == 2


async def test_truncation_tells_the_service_what_was_heard() -> None:
    async with connected() as here:
        await here.ask(tone(3000))
        sound = await here.tells(ReplyAudio)
        await here.tells(ReplyEnded)
        here.link.cancel_reply()
        here.link.truncate_reply(sound.item_id, 740.6)
        await until(lambda: here.session.truncations)
        assert here.session.truncations[0].audio_end_ms == 740


@pytest.mark.parametrize("is_read", [True, False])
async def test_a_reply_that_is_taken_back_unread_was_not_heard(is_read: bool) -> None:
    async with EmbeddedService() as service:
        async with ServiceLink(LinkSettings(service.url)) as link:
            events = link.events()
            assert isinstance(await anext(events), LinkUp)
            link.send_audio(SPEECH)
            link.commit_turn()
            session = service.sessions[0]
            await until(lambda: [turn.status for turn in session.turns] == ["completed"])
            await settle()
            while is_read and not isinstance(await anext(events), ReplyAudio):
                pass  # what comes before the sound
            link.cancel_reply()
            await settle()
            truncated = [truncation.audio_end_ms for truncation in session.truncations]
            assert truncated == ([] if is_read else [0])  # what was read, the speaker tells


async def test_what_waits_in_the_speaker_is_truncated_at_its_beginning() -> None:
    async with connected() as here:
        await here.ask()
        sound = await here.tells(ReplyAudio)
        await here.tells(ReplyEnded)
        here.link.cancel_reply()
        here.link.truncate_reply(sound.item_id, 0.0)
        await settle()
        assert [truncation.audio_end_ms for truncation in here.session.truncations] == [0]


async def test_a_reply_that_nobody_heard_is_not_told_to_the_next_session() -> None:
    async with EmbeddedService() as service:
        async with ServiceLink(LinkSettings(service.url)) as link:
            assert isinstance(await anext(link.events()), LinkUp)
            link.send_audio(SPEECH)
            link.commit_turn()
            await until(
                lambda: [turn.status for turn in service.sessions[0].turns] == ["completed"]
            )
            await settle()
            link.cancel_reply()
            service.cut()
            await until(lambda: len(service.sessions) == 2)
            await settle()
            items = [event["item"] for event in service.sessions[1].received if "item" in event]
            assert [item["role"] for item in items] == ["user", "system"]


async def test_a_reply_that_was_heard_to_its_end_is_not_truncated() -> None:
    async with connected() as here:
        await here.ask()
        await here.tells(ReplyEnded)
        item_id = here.all(ReplyAudio)[0].item_id
        here.link.playback_ended(item_id, 1000.0)
        here.link.truncate_reply(item_id, 1000.0)
        await settle()
        assert here.received("conversation.item.truncate") == []


async def test_an_item_of_an_older_session_is_not_truncated() -> None:
    async with connected() as here:
        await here.ask()
        sound = await here.tells(ReplyAudio)
        here.service.cut()
        await here.tells(LinkUp, nth=2)
        here.link.truncate_reply(sound.item_id, 100.0)
        here.link.playback_ended(sound.item_id, 100.0)
        await settle()
        assert here.received("conversation.item.truncate") == []


# -- mute


async def test_while_muted_no_sound_reaches_the_service() -> None:
    async with connected() as here:
        here.link.gate(muted=True)
        here.speak()
        here.link.send_turn(SPEECH)
        here.service.cut()
        await here.tells(LinkUp, nth=2)
        here.speak()
        await settle()
        assert here.service.audio_received_bytes == 0
        here.link.gate(muted=False)
        await here.ask()
        assert here.session.turns[0].pcm == SPEECH


async def test_a_turn_that_was_committed_before_the_mute_gets_its_reply() -> None:
    async with connected() as here:
        here.speak()
        here.link.commit_turn()
        here.link.gate(muted=True)
        await here.tells(ReplyEnded)
        assert here.heard() == SPEECH


# -- turns that are sent again


async def test_a_long_turn_sent_again_over_a_slow_network_arrives_whole(network: Network) -> None:
    network.bytes_per_s = 100_000
    network.window_bytes = 16_384
    long = tone(40_000)
    async with connected() as here:
        here.link.send_turn(long)
        here.link.commit_turn()
        here.link.gate(muted=True)
        here.speak()
        await until(lambda: here.session.turns, within_s=WAIT_S)
        await settle()
        assert here.session.turns[0].pcm == long
        assert here.service.audio_received_bytes == len(long)
        assert here.all(AudioDropped) == []
        await here.tells(ReplyStarted)
        here.link.gate(muted=False)


async def test_what_is_said_meanwhile_comes_behind_the_turn_that_is_sent_again(
    network: Network,
) -> None:
    network.bytes_per_s = 100_000
    network.window_bytes = 16_384
    async with connected() as here:
        here.link.send_turn(tone(5000))
        here.speak()
        here.link.commit_turn()
        await until(lambda: here.session.turns, within_s=WAIT_S)
        assert here.session.turns[0].pcm == tone(5000) + SPEECH


async def test_a_turn_that_is_discarded_while_it_is_sent_again_is_gone(network: Network) -> None:
    network.bytes_per_s = 100_000
    network.window_bytes = 16_384
    async with connected() as here:
        here.link.send_turn(tone(5000))
        here.link.discard_turn()
        here.speak()
        here.link.commit_turn()
        await here.tells(ReplyEnded)
        assert [turn.pcm for turn in here.session.turns] == [SPEECH]
        assert here.service.audio_received_bytes == len(SPEECH)


async def test_a_mute_behind_a_turn_that_is_lost_still_counts(network: Network) -> None:
    network.bytes_per_s = 100_000
    network.window_bytes = 16_384
    async with connected() as here:
        here.link.send_turn(tone(5000))
        here.link.gate(muted=True)
        assert not here.link._transport.muted
        here.service.cut()
        await here.tells(LinkDown)
        assert here.link._transport.muted


async def test_a_turn_that_is_cancelled_while_it_is_sent_again_gets_no_reply(
    network: Network,
) -> None:
    network.bytes_per_s = 100_000
    network.window_bytes = 16_384
    async with connected() as here:
        here.link.send_turn(tone(20_000))
        here.link.commit_turn()
        await asyncio.sleep(2)
        here.link.cancel_reply()
        await here.ask()
        assert [turn.pcm for turn in here.session.turns] == [SPEECH]


async def test_sound_that_a_slow_network_loses_is_told_once(network: Network) -> None:
    async with connected() as here:
        network.bytes_per_s = 20_000
        network.window_bytes = 16_384
        for _ in range(1000):
            here.link.send_audio(SPEECH[:960])
            await asyncio.sleep(0.02)
        assert len(here.all(AudioDropped)) == 1
        here.link.discard_turn()
        here.link.send_turn(SPEECH)
        here.link.commit_turn()
        await until(lambda: here.session.turns, within_s=WAIT_S)
        assert here.session.turns[0].pcm == SPEECH


@pytest.mark.parametrize("how", ["discarded", "muted", "forgotten"])
async def test_sound_that_was_taken_back_while_it_waited_is_no_loss(
    network: Network, how: str
) -> None:
    async with connected() as here:
        network.window_bytes = 16_384
        network.stall()
        here.speak()
        if how == "discarded":
            here.link.discard_turn()
        elif how == "muted":
            here.link.gate(muted=True)
            here.link.gate(muted=False)
        else:
            here.link.forget_sound()
        assert here.link._transport.dropped_ms > 0
        network.heal()
        await here.ask()
        assert here.all(AudioDropped) == []
        assert here.session.turns[0].pcm == SPEECH


# -- tools


async def test_a_tool_that_the_device_does_not_have_is_answered_at_once() -> None:
    async with connected(Script(calls={1: Call("get_time")})) as here:
        await here.ask()
        await here.tells(ReplyEnded, nth=2)
        items = [event["item"] for event in here.received("conversation.item.create")]
        [output] = [item for item in items if item["type"] == "function_call_output"]
        assert output["output"] == '{"error": "this device cannot do that"}'
        assert len(here.heard()) > 0
        assert len(here.all(ReplyStarted)) == 2


async def test_a_tool_call_of_a_cancelled_reply_brings_no_other_reply() -> None:
    async with connected(Script(calls={1: Call("get_time")})) as here:
        here.speak()
        here.link.commit_turn()
        await until(lambda: here.received("conversation.item.create"))
        here.link.cancel_reply()
        told = len(here.told)
        await asyncio.sleep(30)
        assert here.told[told:] == []


# -- texts of the device


async def test_a_text_is_spoken_beside_the_conversation() -> None:
    async with connected() as here:
        here.link.say("Dinner is ready.")
        started = await here.tells(ReplyStarted)
        ended = await here.tells(ReplyEnded)
        [create] = here.received("response.create")
        assert (create["response"]["conversation"], create["response"]["input"]) == ("none", [])
        assert create["response"]["instructions"].endswith("\n\nDinner is ready.")
        assert ended == ReplyEnded(started.reply_id, "completed")
        assert here.heard()
        assert len(here.link._transport._protocol.dialog.history) == 0


async def test_a_text_waits_until_no_reply_is_heard_over_it() -> None:
    async with connected() as here:
        first = await here.ask(tone(4000))
        here.link.say("One.")
        here.link.say("Two.")
        await here.tells(ReplyEnded, nth=3)
        order = [type(event) for event in here.told if isinstance(event, ReplyStarted | ReplyEnded)]
        assert order == [ReplyStarted, ReplyEnded] * 3
        assert here.all(ReplyEnded)[0].reply_id == first.reply_id


async def test_a_text_wakes_the_link_and_is_spoken_then() -> None:
    async with connected() as here:
        here.link.hang_up()
        await asyncio.sleep(3600)
        here.link.say("Dinner is ready.")
        assert (await here.tells(ReplyEnded)).status == "completed"


async def test_a_text_during_an_outage_is_not_said_hours_later(network: Network) -> None:
    async with room() as here:
        network.refuse()
        here.link.say("Dinner is ready.")
        await here.tells(LinkDown)
        here.link.say("Dinner is cold.")
        network.heal()
        await here.tells(LinkUp)
        await asyncio.sleep(60)
        assert here.received("response.create") == []


@pytest.mark.parametrize("delay_ms", [0, 40])
async def test_a_text_that_was_cancelled_is_not_heard(network: Network, delay_ms: int) -> None:
    network.delay_ms = delay_ms
    async with connected() as here:
        here.link.say("Dinner is ready.")
        here.link.say("Dinner is cold.")
        here.link.cancel_reply()
        await here.ask()
        await here.tells(ReplyEnded)
        await asyncio.sleep(30)
        assert here.heard() == SPEECH
        assert len(here.received("response.create")) == 2


async def test_a_text_that_the_service_refuses_is_no_refused_turn() -> None:
    error = {
        "type": "invalid_request_error",
        "code": "nope",
        "message": "no",
        "event_id": "pv_say_1",
    }
    refused = Send({"type": "error", "error": error})
    async with connected(Script(faults=[Fault("response.create", refused)])) as here:
        here.link.say("Dinner is ready.")
        here.link.say("Dinner is cold.")
        await until(lambda: len(here.received("response.create")) == 2)
        await settle()
        assert here.all(TurnRefused) == []


# -- what it costs


async def test_the_tokens_of_every_reply_are_told() -> None:
    async with connected() as here:
        await here.ask()
        await here.tells(ReplyEnded)
        [used] = here.all(Used)
        assert used == Used(audio_in=10, audio_out=20)
        assert here.told.index(used) < here.told.index(here.all(ReplyEnded)[0])
