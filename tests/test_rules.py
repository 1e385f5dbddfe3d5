from __future__ import annotations

from dataclasses import replace

from pi_voice.config import Settings
from pi_voice.core.rules import Rules


def test_the_defaults_are_those_of_the_configuration() -> None:
    turn, limits, privacy = Settings().activation, Settings().limits, Settings().privacy
    assert Rules() == replace(
        Rules(),
        pre_roll_ms=turn.pre_roll_ms,
        tail_ms=turn.tail_ms,
        shortest_turn_ms=turn.shortest_turn_ms,
        longest_turn_ms=turn.longest_turn_s * 1000,
        reply_timeout_ms=turn.reply_timeout_s * 1000,
        remote_unmute=privacy.remote_unmute,
    )
    assert limits.idle_hang_up_min > 0  # a device that is made without rules never sleeps
