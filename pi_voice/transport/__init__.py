"""Talk to a realtime voice service: the contracts of the Agents SDK and of kernl, in one class.

    import asyncio, wave
    from pi_voice.transport import WebSocketTransport

    async def ask(question: str, answer: str, api_key: str) -> None:
        t, reply, done = WebSocketTransport(api_key=api_key), bytearray(), asyncio.Event()
        t.on("audio", lambda sound: reply.extend(sound.data)).on("turn_done", lambda _: done.set())
        await t.connect(initial_session_config={"turn_detection": None})
        with wave.open(question) as wav:  # 24 kHz, mono, 16 bits
            t.send_audio(wav.readframes(wav.getnframes()), commit=True)
        t.request_response()
        await done.wait()
        await t.aclose()
        with wave.open(answer, "wb") as wav:
            wav.setparams((1, 2, 24_000, 0, "NONE", ""))
            wav.writeframes(reply)

Events: every event of the wire by its own name and as `*`, plain dicts; `audio`, `turn_started`,
`turn_done`, `function_call` and the others of the Agents SDK, frozen objects (`messages`);
`event`, `status` and `interrupted` of kernl, mappings; `error` of both. Of our own:
`session_ready` with the session's id, after every connect and reconnect, when the service has
confirmed the settings; `connection_lost`; `transcription_failed`.
"""

from msgspec import UNSET

from pi_voice.transport.auth import TokenCommand, TokenUrl
from pi_voice.transport.contracts import (
    AlreadyConnectedError,
    NotConnectedError,
    RealtimeConnection,
    RealtimeTransportLayer,
    TransportError,
    TransportStatus,
)
from pi_voice.transport.layer import WebSocketTransport

__all__ = [
    "UNSET",
    "AlreadyConnectedError",
    "NotConnectedError",
    "RealtimeConnection",
    "RealtimeTransportLayer",
    "TokenCommand",
    "TokenUrl",
    "TransportError",
    "TransportStatus",
    "WebSocketTransport",
]
