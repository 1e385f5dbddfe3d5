from __future__ import annotations

import json
from dataclasses import replace

from pi_voice.core.actions import Pattern
from pi_voice.demo_view import Outcome, TurnOutcome, closing, table
from tests.readme import README

HEARD = TurnOutcome(
    activation="push_to_talk",
    speech_ms=3000.04,
    sent_ms=3180.0,
    reply_received_ms=3180.0,
    reply_heard_ms=3179.98,
    interrupted=False,
    truncated_at_ms=None,
    press_to_first_byte_ms=72.6,
    speech_end_to_first_audio_ms=251.2,
    interrupt_to_silence_ms=None,
)
CUT = replace(
    HEARD, interrupted=True, reply_heard_ms=900, truncated_at_ms=900, interrupt_to_silence_ms=35
)
LEDS = (Pattern.IDLE, Pattern.LISTENING)


def outcome(*turns: TurnOutcome, muted_bytes: int = 0, lost: int = 0) -> Outcome:
    return Outcome(turns, (*LEDS, Pattern.MUTED), muted_bytes, lost)


def test_a_turn_got_its_reply_if_all_of_it_was_heard() -> None:
    assert HEARD.got_its_reply
    assert not replace(HEARD, reply_heard_ms=3000).got_its_reply
    assert not replace(HEARD, reply_received_ms=0, reply_heard_ms=0).got_its_reply
    assert not replace(HEARD, sent_ms=0).got_its_reply


def test_an_interrupted_reply_needs_to_be_heard_in_part() -> None:
    assert CUT.got_its_reply
    assert not replace(CUT, reply_heard_ms=0).got_its_reply


def test_a_conversation_is_complete_only_if_mute_was_kept_and_something_was_said() -> None:
    assert outcome(HEARD, CUT).is_complete
    assert not outcome(HEARD, muted_bytes=1).is_complete
    assert not outcome().is_complete


def test_the_outcome_is_json_with_the_lights_in_order() -> None:
    made = json.loads(json.dumps(outcome(HEARD).as_dict()))
    assert list(made) == ["turns", "leds", "muted_bytes_sent", "dropped_frames"]
    assert made["leds"] == ["idle", "listening", "muted"]
    assert made["turns"][0]["speech_ms"] == 3000.0
    assert made["turns"][0]["truncated_at_ms"] is None


def test_the_table_has_a_row_per_turn_and_the_proof_of_the_mute() -> None:
    lines = list(table(outcome(HEARD, CUT)))
    assert lines[2].split() == [
        *("1", "push_to_talk", "3000", "3180", "3180", "3180", "73", "251", "-")
    ]
    assert lines[3].split()[-1] == "35"
    assert lines[-1] == "While muted, 0 bytes of audio reached the service."


def test_a_good_demo_ends_with_what_comes_next_as_the_readme_shows_it() -> None:
    told = closing(outcome(HEARD, CUT))
    assert "sudo ./install.sh" in told
    assert f"\n{told}\n```\n" in README.read_text()


def test_a_demo_that_failed_says_so_and_what_to_do() -> None:
    assert "is this machine busy? Try again" in closing(outcome())
    assert "heard while it was muted" in closing(outcome(HEARD, muted_bytes=1))
