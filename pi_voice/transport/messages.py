"""What listeners receive with the derived events, as frozen objects.

They are structs of msgspec, because dataclasses take ten times as long to define, and that is part
of every start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field


class AudioEvent(Struct, frozen=True):
    """`audio`: a piece of a reply's sound.

    Attributes:
        data: Samples in the session's output format (16-bit little-endian mono PCM at 24 kHz, or
            G.711 at 8 kHz).
        response_id: The reply.
        item_id: The conversation item, for `playback.on_played`.
        content_index: The part of the item, for `playback.on_played`.
    """

    data: bytes
    response_id: str | None
    item_id: str
    content_index: int
    type: Literal["audio"] = "audio"


class AudioMark(Struct, frozen=True):
    """`audio_done` (all of it was generated) and `audio_interrupted` (stop playing it now).

    Attributes:
        item_id: The conversation item; None if nothing of the reply had arrived.
        content_index: The part of the item.
    """

    item_id: str | None
    content_index: int = 0


class TextDelta(Struct, frozen=True):
    """`audio_transcript_delta` and `output_text_delta`: a piece of what the reply says."""

    type: Literal["transcript_delta", "output_text_delta"]
    delta: str
    item_id: str
    response_id: str | None


class TurnStarted(Struct, frozen=True):
    """`turn_started`: the service began a reply."""

    provider_data: Mapping[str, Any]
    type: Literal["response_started"] = "response_started"

    @property
    def response_id(self) -> str | None:
        response = self.provider_data.get("response")
        found = response.get("id") if isinstance(response, Mapping) else None
        return found if isinstance(found, str) else None


class Usage(Struct, frozen=True):
    """`usage_update`: what a reply cost, in tokens."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    input_tokens_details: Mapping[str, Any] = field(default_factory=dict)
    output_tokens_details: Mapping[str, Any] = field(default_factory=dict)


class Response(Struct, frozen=True):
    """A reply that ended.

    Attributes:
        id: The service's name of it.
        output: Its items, as the service describes them.
        usage: What it cost.
        status: completed, cancelled, failed or incomplete.
        status_details: Why, if it is not completed.
    """

    id: str | None
    output: tuple[Mapping[str, Any], ...] = ()
    usage: Usage = field(default_factory=Usage)
    status: str | None = None
    status_details: Mapping[str, Any] | None = None


class TurnDone(Struct, frozen=True):
    """`turn_done`: the service finished a reply; it may still be playing."""

    response: Response
    type: Literal["response_done"] = "response_done"


class ContentPart(Struct, frozen=True):
    """A part of a message.

    Attributes:
        type: input_text, input_audio, input_image, output_text or output_audio.
        text: Of a text part.
        transcript: Of a sound part, as far as it is known.
        image_url: Of an image part.
        truncated: The sound was cut where the user stopped listening; so was the transcript.
    """

    type: str
    text: str | None = None
    transcript: str | None = None
    image_url: str | None = None
    truncated: bool = False


class Message(Struct, frozen=True):
    """`item_update` of something that was said, written or shown."""

    item_id: str
    role: str
    content: tuple[ContentPart, ...] = ()
    status: str | None = None
    previous_item_id: str | None = None
    type: Literal["message"] = "message"


class ToolCall(Struct, frozen=True):
    """`item_update` of a function call or MCP call.

    Attributes:
        item_id: The conversation item.
        name: The tool.
        arguments: JSON as text.
        status: in_progress or completed.
        output: What came of it, once it is known.
        call_id: What the output of a function call refers to.
        previous_item_id: The item before it.
        type: function_call, mcp_call or mcp_tool_call.
    """

    item_id: str
    name: str
    arguments: str
    status: str
    output: str | None = None
    call_id: str | None = None
    previous_item_id: str | None = None
    type: str = "function_call"


class McpApprovalRequest(Struct, frozen=True):
    """`mcp_approval_request`: may the service call this tool?"""

    item_id: str
    server_label: str
    name: str
    arguments: Mapping[str, Any]
    approved: bool | None = None
    previous_item_id: str | None = None
    type: Literal["mcp_approval_request"] = "mcp_approval_request"


Item = Message | ToolCall | McpApprovalRequest


class FunctionCall(Struct, frozen=True):
    """`function_call`: the model wants a function called; answer with its output.

    Attributes:
        id: The conversation item.
        call_id: What the output refers to.
        name: The function.
        arguments: JSON as text.
        response_id: The reply that asks.
        previous_item_id: The item before it.
    """

    id: str
    call_id: str
    name: str
    arguments: str
    response_id: str | None = None
    previous_item_id: str | None = None
    type: Literal["function_call"] = "function_call"


class ItemDeleted(Struct, frozen=True):
    """`item_deleted`."""

    item_id: str


class McpToolsListed(Struct, frozen=True):
    """`mcp_tools_listed`: what a server of tools offers."""

    server_label: str
    tools: tuple[Mapping[str, Any], ...]


class Transcription(Struct, frozen=True):
    """`input_audio_transcription_completed` and `transcription_failed`: what the user said.

    Attributes:
        item_id: The user's item.
        transcript: The text; empty if it failed.
        reason: Why it failed.
    """

    item_id: str
    transcript: str = ""
    reason: str = ""


class InputTimeout(Struct, frozen=True):
    """`input_audio_timeout_triggered`: the user said nothing for as long as was configured."""

    item_id: str
    audio_start_ms: float
    audio_end_ms: float


class ConnectionLost(Struct, frozen=True):
    """`connection_lost`: there is no session, although we did not end it.

    Attributes:
        reason: One sentence for the log.
        retry_class: What kind of fault it is, as the pace of reconnecting sees it.
        retry_in_s: When the next attempt starts; None if there will be none.
        error: The exception of a failed attempt, if there was one.
    """

    reason: str
    retry_class: str
    retry_in_s: float | None
    error: Exception | None = None


def attribute(given: Any, name: str, default: Any = None) -> Any:
    """A field of one of these objects, or of a mapping with the same keys."""
    if isinstance(given, Mapping):
        return given.get(name, default)
    return getattr(given, name, default)
