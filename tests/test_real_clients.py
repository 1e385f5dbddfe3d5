"""Programs of other people on the embedded service: what they trip over is its fault."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pi_voice.sim.server import EmbeddedService
from tests.stage import base64_text, silence, tone
from tests.until import until

if TYPE_CHECKING:  # heavy: imported by the tests themselves
    from agents.realtime import RealtimeSession
    from openai.resources.realtime.realtime import AsyncRealtimeConnection

HELLO = tone(700)
SPOKEN = silence(300) + tone(900) + silence(500)
LONG = tone(20_000)  # five seconds on the wire: time enough to interrupt on any machine
PATIENCE_S = 60.0
PUSH_TO_TALK: Any = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
SERVER_VAD = {"type": "server_vad", "silence_duration_ms": 300, "interrupt_response": True}


@pytest.fixture(autouse=True)
async def _patience() -> AsyncIterator[None]:
    async with asyncio.timeout(PATIENCE_S):
        yield


# -- openai


@asynccontextmanager
async def openai_on(service: EmbeddedService) -> AsyncIterator[AsyncRealtimeConnection]:
    from openai import AsyncOpenAI

    base_url = service.url.removesuffix("/realtime")
    async with AsyncOpenAI(api_key="none", websocket_base_url=base_url) as client:
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.session.update(session=PUSH_TO_TALK)
            yield connection


async def heard_until(connection: AsyncRealtimeConnection, kind: str) -> tuple[bytes, Any]:
    """The audio up to the next event of this type, and the event."""
    audio = b""
    async for event in connection:
        assert event.type != "error", event
        if event.type == "response.output_audio.delta":
            audio += base64.b64decode(event.delta)
        if event.type == kind:
            return audio, event
    raise AssertionError(f"closed before {kind}")


async def test_openai_hears_the_parrot() -> None:
    async with EmbeddedService() as service, openai_on(service) as connection:
        await connection.input_audio_buffer.append(audio=base64_text(HELLO))
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        audio, done = await heard_until(connection, "response.done")
        assert audio == HELLO
        assert done.response.usage.output_tokens > 0


async def test_openai_interrupts() -> None:
    async with EmbeddedService() as service, openai_on(service) as connection:
        await connection.input_audio_buffer.append(audio=base64_text(LONG))
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        _, delta = await heard_until(connection, "response.output_audio.delta")
        await connection.response.cancel()
        where = {"item_id": delta.item_id, "content_index": 0, "audio_end_ms": 120}
        await connection.conversation.item.truncate(**where)
        await heard_until(connection, "conversation.item.truncated")
        _, done = await heard_until(connection, "response.done")
        assert done.response.status_details.reason == "client_cancelled"
        await connection.conversation.item.retrieve(item_id=delta.item_id)
        _, retrieved = await heard_until(connection, "conversation.item.retrieved")
        assert base64.b64decode(retrieved.item.content[0].audio) == LONG[: 120 * 48]


async def test_openai_calls_a_function_and_updates_the_session() -> None:
    tool: Any = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}
    async with EmbeddedService() as service, openai_on(service) as connection:
        await heard_until(connection, "session.updated")
        update: Any = {"type": "realtime", "tools": [tool], "output_modalities": ["text"]}
        await connection.session.update(session=update)
        _, updated = await heard_until(connection, "session.updated")
        assert updated.session.tools[0].name == "get_time"
        assert updated.session.audio.input.turn_detection is None
        words: Any = {"type": "input_text", "text": "call get_time"}
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [words]}
        )
        await connection.response.create()
        _, call = await heard_until(connection, "response.function_call_arguments.done")
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "noon"}
        )
        await heard_until(connection, "response.done")
        await connection.response.create()
        _, text = await heard_until(connection, "response.output_text.done")
        assert text.text == "noon"


# -- openai-agents


@asynccontextmanager
async def agents_on(
    service: EmbeddedService, *, tools: list[Any] | None = None
) -> AsyncIterator[Heard]:
    from agents import set_tracing_disabled
    from agents.realtime import RealtimeAgent, RealtimeRunner

    set_tracing_disabled(True)
    agent = RealtimeAgent(name="box", instructions="Say it again.", tools=tools or [])
    settings: Any = {"turn_detection": SERVER_VAD, "model_name": "gpt-realtime"}
    model: Any = {"api_key": "none", "url": service.url, "initial_model_settings": settings}
    async with await RealtimeRunner(agent).run(model_config=model) as session:
        async with asyncio.TaskGroup() as group:
            heard = Heard(session)
            listening = group.create_task(heard.listen())
            yield heard
            listening.cancel()


class Heard:
    """A session of the Agents SDK and all the events it has given."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.events: list[Any] = []

    async def listen(self) -> None:
        async for event in self.session:
            self.events.append(event)

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    def audio(self) -> bytes:
        return b"".join(event.audio.data for event in self.of("audio"))

    async def speak(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 4800):
            await self.session.send_audio(pcm[start : start + 4800])


def turn_of(service: EmbeddedService) -> Callable[[], bool]:
    return lambda: (
        bool(service.sessions[0].turns) and (service.sessions[0].turns[-1].status == "completed")
    )


async def test_agents_hear_the_parrot() -> None:
    async with EmbeddedService() as service, agents_on(service) as heard:
        await heard.speak(SPOKEN)
        await until(turn_of(service))
        await until(lambda: heard.of("agent_end"))
        assert heard.audio() == service.sessions[0].turns[0].pcm
        assert tone(900) in heard.audio()
        assert not heard.of("error")


async def test_agents_interrupt_by_talking_over_the_reply() -> None:
    async with EmbeddedService() as service, agents_on(service) as heard:
        await heard.speak(LONG + silence(300))
        await until(lambda: heard.of("audio"))
        await heard.speak(SPOKEN)
        await until(lambda: heard.of("audio_interrupted"))
        await until(lambda: service.sessions[0].truncations)
        await until(lambda: len(service.sessions[0].turns) == 2 and turn_of(service)())
        assert service.sessions[0].cancels[0].reason == "turn_detected"
        assert not heard.of("error")


async def test_agents_interrupt_by_button() -> None:
    from agents.realtime import RealtimeModelSendInterrupt

    async with EmbeddedService() as service, agents_on(service) as heard:
        await heard.speak(LONG + silence(300))
        await until(lambda: heard.of("audio"))
        button = RealtimeModelSendInterrupt(force_response_cancel=True)
        await heard.session.model.send_event(button)
        await until(lambda: service.sessions[0].turns[0].status == "cancelled")
        await until(lambda: heard.of("audio_interrupted"))
        assert not heard.of("error")


async def test_agents_call_a_function_and_say_its_result() -> None:
    from agents import function_tool

    asked: list[str] = []

    @function_tool
    def get_time(zone: str) -> str:
        """Tell the time."""
        asked.append(zone)
        return "noon"

    async with EmbeddedService() as service, agents_on(service, tools=[get_time]) as heard:
        await heard.session.send_message('call get_time {"zone": "UTC"}')
        await until(lambda: len(heard.of("agent_end")) >= 2)
        assert asked == ["UTC"]
        assert heard.of("tool_end")[0].output == "noon"
        assert heard.audio()
        assert not heard.of("error")


async def test_agents_update_the_session() -> None:
    from agents.realtime import RealtimeAgent

    async with EmbeddedService() as service, agents_on(service) as heard:
        await heard.session.update_agent(RealtimeAgent(name="other", instructions="Be brief."))
        await until(lambda: service.sessions[0].config["instructions"] == "Be brief.")
        await heard.speak(SPOKEN)
        await until(turn_of(service))
        assert not heard.of("error")
