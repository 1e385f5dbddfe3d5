"""The embedded service on a socket: who gets in, who is cut off, what is forgotten."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from pi_voice.errors import DeviceError
from pi_voice.sim.faults import Close, Cut, Fault, Refusal, Repeat, Script, Send, Silence, Swap
from pi_voice.sim.server import SESSIONS_KEPT, EmbeddedService
from tests.realtime_client import client
from tests.stage import audio_of, tone
from tests.until import until

HELLO = tone(600)
UNKNOWN = {"type": "response.humming", "pitch": 3}


@pytest.fixture(autouse=True)
def _no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A fault in the service itself ends in the log of the library that runs it."""
    yield
    failed = [
        record for record in caplog.get_records("call") if "handler failed" in record.getMessage()
    ]
    assert not failed, caplog.text


async def test_a_turn_over_a_real_socket_comes_back_byte_for_byte() -> None:
    async with EmbeddedService() as service, client(service.url) as me:
        await me.push_to_talk()
        await me.turn(HELLO)
        await me.until("response.done")
        assert audio_of(me.events) == HELLO
        assert service.sessions[0].turns[0].pcm == HELLO


@pytest.mark.virtual
async def test_a_turn_in_simulated_time_comes_back_four_times_faster_than_it_was_said() -> None:
    loop = asyncio.get_running_loop()
    async with EmbeddedService() as service, client(service.url) as me:
        await me.push_to_talk()
        await me.turn(tone(8000))
        began_s = loop.time()
        await me.until("response.done")
        assert audio_of(me.events) == tone(8000)
        assert loop.time() - began_s == pytest.approx(2.0, abs=0.1)


@pytest.mark.virtual
async def test_the_first_event_shows_the_whole_configuration() -> None:
    async with EmbeddedService() as service, client(f"{service.url}?model=tiny") as me:
        session = (await me.receive())["session"]
        assert session["id"] == service.sessions[0].id
        assert session["model"] == "tiny"
        assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500


@pytest.mark.virtual
async def test_a_key_is_accepted_and_not_needed() -> None:
    headers = {"Authorization": "Bearer sk-anything"}
    async with EmbeddedService() as service:
        async with client(service.url, additional_headers=headers) as me:
            await me.until("session.created")


@pytest.mark.virtual
async def test_a_browser_gets_the_subprotocol_it_asks_for() -> None:
    offered = ["realtime", "openai-insecure-api-key.ek_x"]
    async with EmbeddedService() as service:
        async with client(service.url, subprotocols=offered) as me:
            assert me.connection.subprotocol == "realtime"


@pytest.mark.virtual
async def test_another_path_is_not_found() -> None:
    async with EmbeddedService() as service:
        with pytest.raises(InvalidStatus) as refused:
            async with client(service.url.replace("realtime", "chat")):
                pass
        assert refused.value.response.status_code == 404


async def test_a_port_in_use_is_one_sentence_with_the_fix() -> None:
    async with EmbeddedService() as service:
        port = int(service.url.split(":")[2].split("/")[0])
        with pytest.raises(DeviceError) as error:
            async with EmbeddedService(port=port):
                pass
    assert str(error.value) == (
        f"port {port} is in use by another program. Choose another: pi-voice serve --port N"
    )


async def test_an_address_that_is_not_ours_is_one_sentence_with_the_fix() -> None:
    with pytest.raises(DeviceError, match=r"^192\.0\.2\.1:0 cannot be listened on: .*\. Choose"):
        async with EmbeddedService(host="192.0.2.1"):
            pass


@pytest.mark.virtual
@pytest.mark.parametrize("garbage", ["{", '"text"', "[]", b"\xff"])
async def test_what_is_not_json_is_answered_with_an_error(garbage: str | bytes) -> None:
    async with EmbeddedService() as service, client(service.url) as me:
        await me.connection.send(garbage)
        assert (await me.until("error"))["error"]["code"] == "invalid_json"
        await me.push_to_talk()


# -- what a script can do


@pytest.mark.virtual
async def test_refusals_are_given_one_by_one() -> None:
    script = Script(refusals=[Refusal(401, code="invalid_api_key"), Refusal(429, retry_after_s=2)])
    async with EmbeddedService(script=script) as service:
        with pytest.raises(InvalidStatus) as first:
            await client(service.url).__aenter__()
        with pytest.raises(InvalidStatus) as second:
            await client(service.url).__aenter__()
        async with client(service.url) as me:
            await me.until("session.created")
    assert first.value.response.status_code == 401
    assert json.loads(first.value.response.body or b"")["error"]["code"] == "invalid_api_key"
    assert second.value.response.headers["Retry-After"] == "2"


@pytest.mark.virtual
async def test_a_service_can_refuse_for_ever() -> None:
    async with EmbeddedService(script=Script(refusals=itertools.repeat(Refusal(503)))) as service:
        for _ in range(5):
            with pytest.raises(InvalidStatus):
                await client(service.url).__aenter__()
        assert service.sessions == []


@pytest.mark.virtual
async def test_a_close_code_comes_at_its_moment_and_only_once() -> None:
    script = Script(faults=[Fault("session.updated", Close(1013, "try later"))])
    async with EmbeddedService(script=script) as service:
        async with client(service.url) as me:
            await me.push_to_talk()
            with pytest.raises(ConnectionClosed) as closed:
                await me.receive()
        async with client(service.url) as me:
            await me.push_to_talk()
            await me.turn(HELLO)
            await me.until("response.done")
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1013, "try later")


@pytest.mark.virtual
async def test_the_line_can_be_cut_in_mid_utterance() -> None:
    script = Script(faults=[Fault("input_audio_buffer.append", Cut(), nth=3)])
    async with EmbeddedService(script=script) as service, client(service.url) as me:
        for _ in range(3):
            await me.send("input_audio_buffer.append", audio="AAAA")
        with pytest.raises(ConnectionClosed) as closed:
            await me.until("response.done")
        assert closed.value.rcvd is None
        await until(lambda: service.sessions[0].closed_at_s is not None)


@pytest.mark.virtual
async def test_silence_after_a_created_response_leaves_the_connection_open() -> None:
    script = Script(faults=[Fault("response.created", Silence())])
    async with EmbeddedService(script=script) as service, client(service.url) as me:
        await me.push_to_talk()
        await me.turn(HELLO)
        await me.until("response.created")
        await until(lambda: service.sessions[0].turns[0].status == "completed")
        await (await me.connection.ping())
        assert me.events[-1]["type"] == "response.created"


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (Fault("session.created", Repeat()), ["session.created", "session.created"]),
        (Fault("session.created", Send(UNKNOWN)), ["session.created", "response.humming"]),
        (Fault("session.created", Send(UNKNOWN, times=3, instead=True)), ["response.humming"] * 3),
        (Fault("conversation.item.added", Swap()), []),
    ],
)
async def test_events_can_be_repeated_invented_and_swapped(fault: Fault, kinds: list[str]) -> None:
    async with EmbeddedService(script=Script(faults=[fault])) as service:
        async with client(service.url, checked=False) as me:
            await me.push_to_talk()
            assert [event["type"] for event in me.events] == [
                *(kinds or ["session.created"]),
                "session.updated",
            ]
            await me.turn(HELLO)
            await me.until("response.done")


@pytest.mark.virtual
async def test_garbage_can_come_instead_of_json() -> None:
    script = Script(faults=[Fault("session.created", Send("{not json", instead=True))])
    async with EmbeddedService(script=script) as service, client(service.url) as me:
        assert await me.connection.recv() == "{not json"


@pytest.mark.virtual
async def test_a_session_ends_with_an_error_and_going_away() -> None:
    async with EmbeddedService(script=Script(session_s=20.0)) as service:
        async with client(service.url) as me:
            assert (await me.until("error"))["error"]["code"] == "session_expired"
            await me.connection.wait_closed()
            assert me.connection.close_code == 1001


# -- a service in trouble


@pytest.mark.virtual
async def test_a_frozen_service_neither_reads_nor_sends_and_goes_on_when_thawed() -> None:
    async with EmbeddedService() as service, client(service.url, ping_interval=None) as me:
        await me.push_to_talk()
        await me.turn(tone(2000))
        await me.until("response.output_audio.delta")
        await service.freeze()
        heard = service.sessions[0].audio_received_bytes
        pong = asyncio.ensure_future(await me.connection.ping())
        await me.send("input_audio_buffer.append", audio="AAAA")
        await asyncio.sleep(60)
        assert not pong.done()
        assert service.sessions[0].audio_received_bytes == heard
        service.thaw()
        await me.until("response.done")
        await pong
        assert audio_of(me.events) == tone(2000)
        await until(lambda: service.sessions[0].audio_received_bytes == heard + 3)


@pytest.mark.virtual
async def test_a_frozen_service_lets_nobody_in_until_it_is_thawed() -> None:
    async with EmbeddedService() as service:
        await service.freeze()
        with pytest.raises(TimeoutError):
            await client(service.url, open_timeout=2).__aenter__()
        service.thaw()
        async with client(service.url) as me:
            await me.until("session.created")


async def test_a_frozen_service_can_be_shut_down() -> None:
    async with AsyncExitStack() as stack:
        service = EmbeddedService()
        async with service:
            me = await stack.enter_async_context(client(service.url))
            await me.until("session.created")
            await service.freeze()
        await me.connection.wait_closed()
        assert me.connection.close_code == 1001


async def test_cut_aborts_every_connection_without_a_word() -> None:
    async with EmbeddedService() as service:
        async with client(service.url) as one, client(service.url) as two:
            await one.until("session.created")
            await two.until("session.created")
            service.cut()
            for me in (one, two):
                await me.connection.wait_closed()
                assert me.connection.close_code == 1006


@pytest.mark.virtual
async def test_months_of_sessions_are_forgotten_but_counted() -> None:
    async with EmbeddedService() as service:
        for _ in range(SESSIONS_KEPT + 5):
            async with client(service.url) as me:
                await me.send("input_audio_buffer.append", audio="AAAA")
                await me.send("input_audio_buffer.clear")
                await me.until("input_audio_buffer.cleared")
        assert len(service.sessions) == SESSIONS_KEPT
        assert service.audio_received_bytes == 3 * (SESSIONS_KEPT + 5)


@pytest.mark.virtual
async def test_ids_of_two_sessions_are_never_the_same() -> None:
    ids = []
    for _ in range(2):
        async with EmbeddedService() as service:
            async with client(service.url) as one, client(service.url) as two:
                ids += [(await me.receive())["session"]["id"] for me in (one, two)]
        await asyncio.sleep(1)
    assert len(set(ids)) == 4


@pytest.mark.virtual
async def test_whoever_is_connected_is_told_something_out_of_the_blue() -> None:
    async with EmbeddedService() as service, client(service.url, checked=False) as me:
        await me.until("session.created")
        service.tell(UNKNOWN)
        await me.until("response.humming")


@pytest.mark.virtual
async def test_a_session_can_be_ended_as_if_it_were_old() -> None:
    async with EmbeddedService() as service, client(service.url) as me:
        await me.until("session.created")
        service.expire()
        assert (await me.until("error"))["error"]["code"] == "session_expired"
        with pytest.raises(ConnectionClosed):
            await me.receive()
        assert me.connection.close_code == 1001


@pytest.mark.virtual
async def test_who_is_refused_for_a_while_gets_in_after_it() -> None:
    async with EmbeddedService() as service:
        service.refuse(Refusal(429), Refusal(503))
        for status in (429, 503):
            with pytest.raises(InvalidStatus) as refused:
                async with client(service.url):
                    pass
            assert refused.value.response.status_code == status
        async with client(service.url) as me:
            await me.until("session.created")


@pytest.mark.virtual
async def test_a_service_that_relents_forgets_what_it_had_planned() -> None:
    async with EmbeddedService() as service:
        service.refuse(Refusal(503))
        service.plan("session.created", Close(1013))
        assert service.has_plans
        service.relent()
        async with client(service.url) as me:
            await me.until("session.created")
            assert me.connection.close_code is None


@pytest.mark.virtual
async def test_a_session_ends_by_the_calendar_of_the_service() -> None:
    async with EmbeddedService() as service:
        service.calendar = lambda: 5000.0
        async with client(service.url) as me:
            assert (await me.receive())["session"]["expires_at"] == 8600


@pytest.mark.virtual
async def test_a_service_remembers_no_more_than_it_was_told_to() -> None:
    async with EmbeddedService() as service:
        service.keep(sessions=2, audio_bytes=100)
        for _ in range(5):
            async with client(service.url) as me:
                await me.push_to_talk()
                await me.turn(HELLO)
                await me.turn(HELLO)
                await me.until("response.done")
        assert len(service.sessions) <= 3
        kept = [turn for session in service.sessions for turn in session.turns if turn.pcm]
        assert len(kept) <= 1
