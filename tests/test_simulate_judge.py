"""What the box must not do is seen: every fault here is planted, and found within hours."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from pi_voice import build
from pi_voice.build_audio import webrtc
from pi_voice.config import Settings
from pi_voice.core import actions as do
from pi_voice.core.actions import Action, Pattern
from pi_voice.core.activation import VoiceActivated
from pi_voice.core.conversation import Conversation
from pi_voice.core.device import Device
from pi_voice.core.events import Event, MicHeard
from pi_voice.core.service_turns import ServiceTurns
from pi_voice.core.states import Step, Turn
from pi_voice.core.utterance import Utterance
from pi_voice.frames import WIRE
from pi_voice.sim.microphone import SimMicrophone
from pi_voice.sim.speaker import SimSpeaker
from pi_voice.simulate import Wishes, live
from pi_voice.simulate_habits import Mode, PushToTalk
from pi_voice.simulate_judge import Judge, likeness, loud_part
from pi_voice.simulate_person import speech
from pi_voice.simulate_record import BAD_NEWS, Record

pytestmark = pytest.mark.off_the_wire

Change = Callable[[Action], Sequence[Action]]


def problem(mode: Mode = "push_to_talk", *, hours: float = 1.0, faults: str = "none") -> str:
    return str(live(Wishes(hours=hours, seed=3, faults=faults, mode=mode)).problem)


def does(patch: pytest.MonkeyPatch, change: Change) -> None:
    """Let every device do something else than it decided."""
    decide = Device.handle

    def handle(self: Device, event: Event) -> list[Action]:
        return [done for action in decide(self, event) for done in change(action)]

    patch.setattr(Device, "handle", handle)


# -- what is asked


def test_lost_words_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Utterance.take_unsent
    monkeypatch.setattr(Utterance, "take_unsent", lambda self: whole(self)[960:])
    assert problem() == "a question was asked that is not what was spoken"


def test_a_frame_that_is_sent_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Utterance.take_unsent

    def twice(self: Utterance) -> bytes:
        pcm = whole(self)
        return pcm + pcm[-960:]

    monkeypatch.setattr(Utterance, "take_unsent", twice)
    assert problem() == "a question was asked that is not what was spoken"


@pytest.mark.parametrize("mode", ["server", "semantic"])
def test_a_stream_with_holes_is_noticed(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    def holed(action: Action) -> list[Action]:
        return (
            [do.StreamAudio(action.pcm[960:])] if isinstance(action, do.StreamAudio) else [action]
        )

    does(monkeypatch, holed)
    assert problem(mode) == "a question was asked that is not what was spoken"


def test_a_mute_that_forgets_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, lambda a: [do.CommitTurn() if isinstance(a, do.DiscardTurn) else a])
    assert problem() in (
        "a question that was muted in mid-word was asked",
        "a tap became a question",
    )


def test_words_that_are_written_while_muted_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaks(self: Device, event: MicHeard) -> Iterator[Action]:
        yield do.StreamAudio(b"".join(frame.pcm for frame in event.frames))

    monkeypatch.setattr(Device, "_on_heard", leaks)
    monkeypatch.setattr(SimMicrophone, "close", lambda self: None)
    monkeypatch.setattr("pi_voice.transport.link.ServiceLink.gate", lambda self, *, muted: None)
    assert problem("server") == "sound was written to the network while the box was muted"


def test_a_microphone_that_stays_open_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimMicrophone, "close", lambda self: None)
    assert "the microphone is open while the box is muted" in problem()


def test_a_light_that_does_not_tell_who_listens_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, lambda a: [] if a == do.Show(Pattern.LISTENING) else [a])
    assert problem() == "the light did not show that the box listens"


# -- what is answered


def test_a_reply_that_is_not_played_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(self: Conversation, event: Event) -> Iterator[Action]:
        yield from ()

    monkeypatch.setattr(Conversation, "on_reply_audio", forgetful)
    assert "no answer came" in problem()


@pytest.mark.parametrize("spoil", [lambda pcm: bytes(len(pcm)), lambda pcm: pcm[::-1]])
def test_a_reply_that_sounds_otherwise_is_noticed(
    spoil: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(action: Action) -> list[Action]:
        if isinstance(action, do.Play):
            return [do.Play(action.item_id, spoil(action.pcm))]
        return [action]

    does(monkeypatch, spoiled)
    assert problem() == "a reply was heard that is not what was sent"


def test_a_turn_that_is_lost_in_silence_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def silently(self: ServiceTurns) -> Iterator[Action]:
        if self.turn in (Turn.LISTENING, Turn.THINKING):
            yield from self._go(Step.DROP)

    monkeypatch.setattr(ServiceTurns, "_lose_session", silently)
    told = problem("server", hours=2.0, faults="link_reset,link_gone")
    assert told.endswith("and nobody was told")


@pytest.mark.parametrize("mode", ["push_to_talk", "voice"])
def test_trouble_that_is_not_told_is_noticed(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    def mumbles(action: Action) -> list[Action]:
        is_news = isinstance(action, do.PlaySound) and action.sound in BAD_NEWS
        return [] if is_news else [action]

    does(monkeypatch, mumbles)
    assert problem(mode, hours=2.0, faults="all").endswith("and nobody was told")


# -- what is interrupted


def test_a_box_that_talks_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimSpeaker, "stop", lambda self: None)
    assert "did not silence the box" in problem()


@pytest.mark.virtual
@pytest.mark.parametrize("over_s", [0.0, 1.0])
async def test_a_box_that_talks_into_the_users_words_is_noticed(over_s: float) -> None:
    record = Record()
    async with build.simulation(Settings(), WIRE) as box:
        judge = Judge(box, record, PushToTalk(box, random.Random(1)))
        running = asyncio.create_task(box.daemon.run())
        await box.leds.shows(Pattern.IDLE)
        box.speaker.play_sound(b"\x00\x10" * int(WIRE.rate_hz * (0.1 + over_s)))
        await asyncio.sleep(0.1)
        box.leds.show(Pattern.LISTENING)
        said = box.microphone.say(speech(WIRE.rate_hz), WIRE.rate_hz)
        await said
        judge.words(said.began_s, said)
        box.daemon.stop()
        await running
    talked = "None" if over_s == 0.0 else "the box talked into the user's words"
    assert str(record.problem) == talked


def test_a_service_that_believes_it_was_heard_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(action: Action) -> list[Action]:
        if isinstance(action, do.TruncateReply):
            return [do.TruncateReply(action.item_id, action.heard_ms - 100)]
        return [action]

    does(monkeypatch, late)
    assert "ms of a reply were heard, the service knows [" in problem()


def test_a_reply_that_is_not_cancelled_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    does(monkeypatch, lambda a: [] if isinstance(a, do.CancelReply) else [a])
    assert problem(hours=3.0) == "a reply that was interrupted was not cancelled"


def test_a_box_that_answers_itself_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "VoiceActivated", lambda **_: VoiceActivated(over_replies=True))
    monkeypatch.setattr("pi_voice.build_audio.detector", webrtc)
    assert problem("voice") == "a question was asked that is not what was spoken"


# -- how sounds are compared


def test_the_same_sound_is_alike_at_any_volume() -> None:
    assert likeness([1, -2, 3], [2, -4, 6]) == pytest.approx(1.0)
    assert likeness([1, 0], [0, 1]) == 0.0
    assert likeness([1, 2], [0, 0]) == 0.0


def test_the_loud_part_is_without_the_noise_of_the_room() -> None:
    def pcm(*samples: int) -> bytes:
        return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)

    assert loud_part(pcm(3, 900, -2, -900, 1)) == pcm(900, -2, -900)
    assert loud_part(pcm(3, -2)) == b""
