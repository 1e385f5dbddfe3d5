"""The class that programs use: addresses, keys, facts, and whole conversations."""

from __future__ import annotations

import asyncio
import random
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import pi_voice.transport
from pi_voice.retry import Pace
from pi_voice.sim.faults import Fault, Script, Send
from pi_voice.sim.parrot import Call
from pi_voice.sim.server import EmbeddedService
from pi_voice.transport import (
    RealtimeConnection,
    RealtimeTransportLayer,
    TransportError,
    WebSocketTransport,
)
from tests.scripted import diary, scripted, transport
from tests.until import until

pytestmark = pytest.mark.virtual

PUSH_TO_TALK = {"turn_detection": None}
SECOND = bytes(48_000)


def tone(ms: int) -> bytes:
    """A sound that can be told from silence."""
    return b"".join(
        (8000 if n // 40 % 2 else -8000).to_bytes(2, "little", signed=True) for n in range(24 * ms)
    )


@asynccontextmanager
async def talking(
    script: Script | None = None, config: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[EmbeddedService, WebSocketTransport]]:
    async with EmbeddedService(script=script) as service:
        t = WebSocketTransport(url=service.url, api_key="sk-key", **options)
        try:
            await t.connect(initial_session_config=PUSH_TO_TALK if config is None else config)
            yield service, t
        finally:
            await t.aclose()


async def once(t: WebSocketTransport, name: str) -> Any:
    """The next event of that name."""
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    t.once(name, lambda *args: told.set_result(args[0] if args else None))
    return await told


def test_one_class_keeps_both_contracts() -> None:
    layer: RealtimeTransportLayer = WebSocketTransport()
    connection: RealtimeConnection = WebSocketTransport()
    assert layer.status == connection.status == "disconnected"


@pytest.mark.parametrize(
    ("url", "model", "call_id", "address"),
    [
        (None, None, None, "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
        (None, "a b/c", None, "wss://api.openai.com/v1/realtime?model=a+b%2Fc"),
        ("ws://h/x", "m", None, "ws://h/x?model=m"),
        ("ws://h/x?model=mine", "m", None, "ws://h/x?model=mine"),
        ("ws://h/x?v=1", "m", None, "ws://h/x?v=1&model=m"),
        ("ws://h/x?v=1", "m", "c1", "ws://h/x?v=1&call_id=c1"),
        (None, None, "c1", "wss://api.openai.com/v1/realtime?call_id=c1"),
    ],
)
def test_addresses(url: str | None, model: str | None, call_id: str | None, address: str) -> None:
    assert WebSocketTransport(url, model)._address(call_id) == address


async def test_an_address_that_is_none_is_told_like_any_other_trouble() -> None:
    t = WebSocketTransport("wss://[::1/v1/realtime", api_key="sk-key")
    with pytest.raises(TransportError, match="url cannot be read"):
        await t.connect(model="other")
    assert t.current_model != "other"


async def test_an_address_given_to_connect_is_used_as_it_is_and_kept() -> None:
    async with scripted() as service, transport(service, url=None) as t:
        await t.connect(url=f"{service.url}?given=1")
        assert service.last.path == "/v1/realtime?given=1"
        await t.aclose()
        await t.connect()
        assert service.last.path == "/v1/realtime?given=1"


@pytest.mark.parametrize(
    ("headers", "authorization"),
    [
        ({}, "Bearer sk-key"),
        ({"X-Fleet": "7"}, "Bearer sk-key"),
        ({"api-key": "azure"}, None),
        ({"Authorization": "Bearer ek"}, "Bearer ek"),
    ],
)
async def test_credentials_in_headers_replace_the_key(
    headers: dict[str, str], authorization: str | None
) -> None:
    async with scripted() as service, transport(service) as t:
        await t.connect(headers=headers)
        assert service.last.headers.get("authorization") == authorization
        assert {name.lower() for name in headers} <= service.last.headers.keys()
        assert "openai-beta" not in service.last.headers


@pytest.mark.parametrize("name", ["api-key", "Authorization"])
async def test_headers_may_be_the_only_credentials(name: str) -> None:
    async with scripted() as service, transport(service, api_key=None) as t:
        await t.connect(headers={name: "azure"})
        assert service.last.headers[name.lower()] == "azure"


async def test_the_model_is_part_of_the_session_and_a_call_brings_its_own() -> None:
    async with scripted() as service, transport(service, model="m") as t:
        await t.connect()
        assert service.last.received[0]["session"]["model"] == "m"
        await t.aclose()
        await t.connect(call_id="c1")
        assert "model" not in service.last.received[0]["session"]
        await t.aclose()
        await t.connect(initial_session_config={"model": "other"})
        assert service.last.received[0]["session"]["model"] == "other"
        assert t.current_model == "other"


async def test_settings_that_contradict_themselves_fail_before_anything_is_opened() -> None:
    tool = {"type": "function", "name": "f"}
    async with scripted() as service, transport(service) as t:
        with pytest.raises(TransportError, match="two tools"):
            await t.connect(initial_session_config={"tools": [tool, tool]})
        assert service.attempts == 0
        await t.connect()


def test_the_key_is_in_no_text_of_ours() -> None:
    t = WebSocketTransport(api_key="sk-secret", headers={"api-key": "sk-secret"})
    assert "sk-secret" not in f"{t!r} {t.provider_metadata}"


def test_the_model_of_the_next_connection_can_be_chosen() -> None:
    t = WebSocketTransport()
    t.current_model = "other"
    assert t.current_model == "other"
    assert t.provider_metadata["openai"]["model"] == "other"


def test_a_program_may_decide_itself_whether_speech_interrupts() -> None:
    t = WebSocketTransport()
    assert t.interrupt_on_speech is None
    t.interrupt_on_speech = False
    assert t._protocol.dialog.interrupt_on_speech is False
    assert t.interrupt_on_speech is False


def test_a_pace_of_ones_own_is_used() -> None:
    pace = Pace(random.random)
    assert WebSocketTransport(reconnect=pace)._supervisor._reconnect is pace
    assert WebSocketTransport(reconnect=False)._supervisor._reconnect is None
    assert isinstance(WebSocketTransport(reconnect=True)._supervisor._reconnect, Pace)


async def test_the_end_waits_for_listeners_that_still_run() -> None:
    ended: list[str] = []

    async def slowly() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("listener")

    async with scripted() as service, transport(service) as t:
        t.on("connected", slowly)
        await t.connect()
        await t.aclose()
        assert ended == ["listener"]


async def test_facts_of_the_session_are_known() -> None:
    async with talking() as (service, t):
        assert t.session_id == service.sessions[0].id
        facts = t.provider_metadata["openai"]
        assert facts["session"]["id"] == t.session_id
        assert facts["expires_at"] > 0
        assert t.connection_status == "connected"
        assert t.malformed == 0


async def test_the_parrot_says_back_what_it_heard() -> None:
    async with talking() as (service, t):
        heard = bytearray()
        t.on("audio", lambda sound: heard.extend(sound.data))
        t.send_audio(tone(500), commit=True)
        t.request_response()
        turn = await once(t, "turn_done")
        assert turn.response.status == "completed"
        assert tone(500) in bytes(heard)
        assert service.sessions[0].turns[0].pcm == tone(500)


async def test_an_explicit_interruption_is_on_the_wire_twenty_of_twenty_times() -> None:
    for first_sound in (True, False) * 10:
        async with talking(config={}) as (service, t):
            t.send_message("tell me a long story")
            await once(t, "audio" if first_sound else "turn_started")
            late = diary(t, "audio")
            t.interrupt()
            turn = await once(t, "turn_done")
            assert turn.response.status == "cancelled"
            assert len(service.sessions[0].cancels) == 1
            assert late == []


async def test_a_function_is_called_and_its_output_answered() -> None:
    async with talking(Script(calls={1: Call("get_time")})) as (_, t):
        t.on("function_call", lambda call: t.send_function_call_output(call, "12:00"))
        t.send_message("what time is it?")
        await once(t, "turn_done")
        turn = await once(t, "turn_done")
        assert turn.response.status == "completed"


async def test_a_conversation_goes_on_after_a_cut() -> None:
    async with talking(reconnect=True) as (service, t):
        t.send_message("remember this", trigger_response=False)
        await until(lambda: len(t._protocol.dialog.history) == 1)
        service.cut()
        await once(t, "session_ready")
        await until(lambda: len(service.sessions) == 2)
        t.send_message("and now answer")
        turn = await once(t, "turn_done")
        assert turn.response.status == "completed"


@pytest.mark.parametrize("seed", range(4))
async def test_muted_is_muted_over_thousands_of_calls_and_reconnects(seed: int) -> None:
    dice = random.Random(seed)
    sound = "A" * 640
    part = {"type": "input_audio", "audio": sound}
    async with talking(reconnect=Pace(dice.random)) as (service, t):
        t.mute()
        calls: list[Callable[[], object]] = [
            lambda: t.send_audio(SECOND[:960]),
            lambda: t.send_audio(SECOND[:960], commit=True),
            lambda: t.send_event({"type": "input_audio_buffer.append", "audio": sound}),
            lambda: t.send({"kind": "audio.input.append", "audio": sound}),
            lambda: t.send_event({"type": "conversation.item.create", "item": user(part)}),
            lambda: t.send_message({"role": "user", "content": [part]}, trigger_response=False),
            lambda: t.send({"kind": "item.create", "item": neutral(sound)}),
            lambda: t.request_response({"input": [user(part)], "conversation": "none"}),
            lambda: t.mute(),
            t.interrupt,
            t.cancel_response,
            lambda: t.update_session_config({"instructions": str(dice.random())}),
        ]
        for number in range(2500):
            try:
                dice.choice(calls)()
            except TransportError:
                assert t.status != "connected"
            if number % 50 == 0:
                await asyncio.sleep(dice.random())
            if number % 250 == 249:
                service.cut()
        await until(lambda: t.status == "connected", within_s=3600)
        await t.drain()
        await asyncio.sleep(1)
        assert len(service.sessions) > 3
        assert service.audio_received_bytes == 0
        received = repr([session.received for session in service.sessions])
        assert "'type': 'input_audio'" not in received


def user(part: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [part]}


def neutral(sound: str) -> dict[str, Any]:
    part = {"kind": "file", "mimeType": "audio/wav", "data": sound}
    return {"kind": "message", "role": "user", "content": [part]}


async def test_faults_of_the_service_are_counted_and_survived() -> None:
    script = Script(faults=[Fault("response.created", Send("{not json"), nth=None)])
    async with talking(script) as (_, t):
        t.send_message("hi")
        await once(t, "turn_done")
        assert t.malformed == 1


async def test_the_example_of_the_documentation_works(tmp_path: Path) -> None:
    documentation = pi_voice.transport.__doc__ or ""
    lines = [line[4:] for line in documentation.splitlines() if line.startswith("    ")]
    example = "\n".join(lines)
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    with wave.open(str(question), "wb") as wav:
        wav.setparams((1, 2, 24_000, 0, "NONE", ""))
        wav.writeframes(tone(500))
    async with EmbeddedService() as service:
        example = example.replace("WebSocketTransport(", f"WebSocketTransport({service.url!r}, ")
        names: dict[str, Any] = {}
        exec(compile(example, "example", "exec"), names)
        await names["ask"](str(question), str(answer), "sk-key")
    with wave.open(str(answer)) as wav:
        assert wav.getframerate() == 24_000
        assert tone(500) in wav.readframes(wav.getnframes())
