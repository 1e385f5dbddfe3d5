"""What each event of the service means: of the session and the user here, the rest by family."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from pi_voice.transport.contracts import TransportError
from pi_voice.transport.dialog import Dialog
from pi_voice.transport.item_events import ITEM_HANDLERS
from pi_voice.transport.items import mapping, text, text_or_none
from pi_voice.transport.messages import InputTimeout
from pi_voice.transport.reply_events import REPLY_HANDLERS

logger = logging.getLogger(__name__)

Json = dict[str, Any]

COMMIT_EMPTY = "input_audio_buffer_commit_empty"


def session_of(event: Json) -> Json:
    """The `session.created` of a service that tells `conversation.created` instead, as xAI does."""
    conversation_id = mapping(event.get("conversation")).get("id")
    return {"type": "session.created", "session": {"id": conversation_id}}


def refuse(dialog: Dialog, event: Json) -> TransportError | None:
    """An `error` of the service; None if it is harmless and was dealt with."""
    error = mapping(event.get("error"))
    code, message = text(error.get("code")), dialog.hidden(text(error.get("message")))
    event_id = text_or_none(error.get("event_id"))
    settled = dialog.responses.refused(code, message, event_id)
    dialog.session.refused(event_id, text_or_none(error.get("param")))
    if code == COMMIT_EMPTY:
        dialog.uplink.commit_refused()
        settled = settled or dialog.session.detects_turns
    dialog.settle()
    if settled:
        logger.debug("< error %s", code)
        return None
    return TransportError(
        f"the service says: {message or code or 'error'}",
        error=event,
        code=code or None,
        event_id=event_id,
    )


def _session_created(dialog: Dialog, event: Json) -> None:
    _describe(dialog, event, updated=False)
    tracing = dialog.session.trace()
    if tracing is not None:
        dialog.send(tracing)


def _session_updated(dialog: Dialog, event: Json) -> None:
    _describe(dialog, event, updated=True)


def _describe(dialog: Dialog, event: Json, *, updated: bool) -> None:
    dialog.session.described(event.get("session"), updated=updated)
    dialog.heard.shape = dialog.session.output_shape
    dialog.uplink.shape = dialog.session.input_shape


def _speech_started(dialog: Dialog, event: Json) -> None:
    dialog.uplink.heard_speech = True
    wanted = dialog.interrupt_on_speech
    if dialog.session.interrupts if wanted is None else wanted:
        dialog.interrupt(cancel=False, speech=True)


def _committed(dialog: Dialog, event: Json) -> None:
    dialog.uplink.committed()
    if not dialog.session.answers:
        dialog.uplink.heard_speech = False


def _input_timeout(dialog: Dialog, event: Json) -> None:
    timeout = InputTimeout(
        text(event.get("item_id")),
        _number(event.get("audio_start_ms")),
        _number(event.get("audio_end_ms")),
    )
    dialog.emit("input_audio_timeout_triggered", timeout)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else 0.0


HANDLERS: Mapping[str, Callable[[Dialog, Json], None]] = {
    "session.created": _session_created,
    "session.updated": _session_updated,
    "input_audio_buffer.speech_started": _speech_started,
    "input_audio_buffer.committed": _committed,
    "input_audio_buffer.timeout_triggered": _input_timeout,
    **ITEM_HANDLERS,
    **REPLY_HANDLERS,
}
