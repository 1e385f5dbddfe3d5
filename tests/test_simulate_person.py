"""Somebody who notices when the box lets them down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pi_voice.core import actions as do
from pi_voice.core.actions import Action
from pi_voice.core.conversation import Conversation
from pi_voice.core.device import Device
from pi_voice.core.events import Event
from pi_voice.core.utterance import Utterance
from pi_voice.frames import AudioFormat
from pi_voice.sim.microphone import SimMicrophone
from pi_voice.sim.speaker import SimSpeaker
from pi_voice.simulate import Outcome, Wishes, live
from pi_voice.simulate_person import speech

pytestmark = pytest.mark.off_the_wire


def quiet_hour() -> Outcome:
    return live(Wishes(hours=1.0, seed=3, faults="none"))


def test_all_that_people_do_with_a_good_box_ends_well() -> None:
    outcome = quiet_hour()
    assert outcome.problem is None
    assert set(outcome.record.outcomes) >= {"answered", "interrupted", "tapped"}


def test_the_recording_comes_at_the_rate_of_the_card() -> None:
    assert len(speech(48_000)) == pytest.approx(2 * len(speech(24_000)), rel=0.001)
    assert AudioFormat(24_000).duration_ms(len(speech(24_000))) > 2000


def test_lost_words_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Utterance.take_unsent
    monkeypatch.setattr(Utterance, "take_unsent", lambda self: whole(self)[960:])
    assert quiet_hour().problem == "a question was asked that is not what was spoken"


def test_a_reply_that_is_not_played_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Conversation, event: Event) -> Iterator[Action]:
        yield from ()

    monkeypatch.setattr(Conversation, "on_reply_audio", forgetful)
    assert "no answer came" in str(quiet_hour().problem)


def test_a_box_that_talks_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimSpeaker, "stop", lambda self: None)
    assert "did not silence the box" in str(quiet_hour().problem)


def test_a_microphone_that_stays_open_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimMicrophone, "close", lambda self: None)
    assert "the microphone is open while the box is muted" in str(quiet_hour().problem)


def test_a_mute_that_forgets_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = Device.handle

    def asks(self: Device, event: Event) -> list[Action]:
        decided = decide(self, event)
        return [do.CommitTurn() if isinstance(a, do.DiscardTurn) else a for a in decided]

    monkeypatch.setattr(Device, "handle", asks)
    assert quiet_hour().problem in (
        "a question that was muted in mid-word was asked",
        "a tap became a question",
    )
