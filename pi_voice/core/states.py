"""The turn machine as a table. Connection and mute are machines of their own beside it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pi_voice.core.actions import Pattern
from pi_voice.core.failures import Failure


class Turn(StrEnum):
    """Whose turn it is to speak."""

    IDLE = "idle"
    LISTENING = "listening"  # the user speaks
    ENDING = "ending"  # the user is done; the last of it is still on its way from the card
    THINKING = "thinking"  # a reply was asked for and is not heard yet
    SPEAKING = "speaking"  # a reply is heard


class Step(StrEnum):
    """What moves the turn."""

    OPEN = "open"  # the user begins, also over a reply
    CLOSE = "close"  # the user is done
    SENT = "sent"  # all of the turn was handed to the link, or the service has it
    REPLY = "reply"  # the first sound of a reply arrived
    SILENT = "silent"  # the reply was heard to its end
    DROP = "drop"  # interrupted, muted, too short, no answer, no microphone, no network


TRANSITIONS: dict[Turn, dict[Step, Turn]] = {
    Turn.IDLE: {Step.OPEN: Turn.LISTENING, Step.REPLY: Turn.SPEAKING},
    Turn.LISTENING: {
        Step.CLOSE: Turn.ENDING,
        Step.SENT: Turn.THINKING,
        Step.DROP: Turn.IDLE,
    },
    Turn.ENDING: {Step.OPEN: Turn.LISTENING, Step.SENT: Turn.THINKING, Step.DROP: Turn.IDLE},
    Turn.THINKING: {
        Step.OPEN: Turn.LISTENING,
        Step.REPLY: Turn.SPEAKING,
        Step.DROP: Turn.IDLE,
    },
    Turn.SPEAKING: {Step.OPEN: Turn.LISTENING, Step.SILENT: Turn.IDLE, Step.DROP: Turn.IDLE},
}


class Connection(StrEnum):
    """What the user can expect of the service."""

    STARTING = "starting"  # no session yet since the start, and not long enough to worry
    ONLINE = "online"  # a session is open and acknowledged
    WAVERING = "wavering"  # lost a moment ago: what is spoken now is kept and sent later
    ASLEEP = "asleep"  # hung up because nobody talked; opens with the next turn
    FAILING = "failing"  # away for longer than a question is kept, or not accepted


class Mic(StrEnum):
    """What became of the capture handle."""

    CLOSED = "closed"
    OPEN = "open"
    LOST = "lost"  # wanted, and not to be had


@dataclass(frozen=True, slots=True)
class Condition:
    """All that the status light is a function of.

    Attributes:
        trouble: Why nobody would answer now; None if somebody would.
        speaker_lost: What is said cannot be heard.
        safe_mode: It does without some of its parts.
    """

    turn: Turn
    connection: Connection
    mic: Mic
    muted: bool = False
    trouble: Failure | None = None
    speaker_lost: bool = False
    safe_mode: bool = False


def pattern(box: Condition) -> Pattern:
    """What the status light shows: mute before all, then turn, faults, connection."""
    if box.muted:
        return Pattern.MUTED
    if box.turn in (Turn.LISTENING, Turn.ENDING):
        return Pattern.LISTENING if box.mic is Mic.OPEN else Pattern.OPENING
    if box.turn is Turn.SPEAKING and not box.speaker_lost:
        return Pattern.SPEAKING
    if box.mic is Mic.LOST:
        return Pattern.NO_MICROPHONE
    if box.speaker_lost:
        return Pattern.NO_SPEAKER
    if box.turn is Turn.THINKING:
        return Pattern.THINKING
    if box.trouble is not None:
        return Pattern(box.trouble)
    if box.safe_mode:
        return Pattern.SAFE_MODE
    return _CONNECTION_PATTERNS[box.connection]


_CONNECTION_PATTERNS = {
    Connection.STARTING: Pattern.STARTING,
    Connection.ONLINE: Pattern.IDLE,
    Connection.WAVERING: Pattern.IDLE,  # a press works; most losses are over before it comes
    Connection.ASLEEP: Pattern.ASLEEP,
}
