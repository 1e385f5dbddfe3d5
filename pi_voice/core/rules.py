"""The numbers behind the decisions."""

from __future__ import annotations

from dataclasses import dataclass

from pi_voice.frames import WIRE, AudioFormat


@dataclass(frozen=True, slots=True)
class Rules:
    """How the owner wants it; the defaults are those of the configuration.

    Attributes:
        wire: Rate of the link.
        pre_roll_ms: What was heard before a turn and belongs to it, where the microphone is open.
        tail_ms: How long capture goes on after the release: words end later than fingers lift.
        shortest_turn_ms: Less sound than this is no turn (the service refuses under 100 ms).
        longest_turn_ms: The turn is ended after this.
        reply_timeout_ms: How long the service may be silent before the turn is given up; the link
            has half of the default to notice a stuck reply, and once more to get another one.
        idle_hang_up_ms: The session is closed when nobody talked for so long; 0 is never.
        remote_unmute: Others than the hands at the box may unmute, too.
        safe_mode: The box does without some of its parts.
    """

    wire: AudioFormat = WIRE
    pre_roll_ms: float = 300.0
    tail_ms: float = 150.0
    shortest_turn_ms: float = 100.0
    longest_turn_ms: float = 60_000.0
    reply_timeout_ms: float = 20_000.0
    idle_hang_up_ms: float = 0.0
    remote_unmute: bool = False
    safe_mode: bool = False
