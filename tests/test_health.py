from __future__ import annotations

import pytest

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action, Pattern
from pi_voice.core.events import Event
from pi_voice.health import (
    BIG_MB,
    DEAF_S,
    DUMB_S,
    HUGE_MB,
    SILENT_MICROPHONE,
    Health,
    UnwellError,
)

PLAY = do.Play("i1", b"")
HEARD = ev.MicHeard(())
SILENCE, ROOM = bytes(960), bytes(958) + b"\1\0"


def heard(frames: int = 2, pcm: bytes = ROOM) -> ev.MicHeard:
    return ev.MicHeard((ev.MicFrame(pcm, 0.0, False),) * frames)


def see(health: Health, event: Event, now_s: float, *actions: Action) -> None:
    health(event, actions, now_s)


def beat(health: Health, now_s: float, rss_mb: float = 50.0) -> None:
    health.beat(now_s, every_s=5.0, rss_mb=rss_mb)


def test_a_microphone_that_delivers_is_well() -> None:
    health = Health()
    see(health, ev.MicOpened(), 0.0)
    for second in range(100):
        see(health, heard(), float(second))
        beat(health, float(second))


def test_an_open_microphone_that_says_nothing_at_all_needs_a_new_start() -> None:
    health = Health()
    see(health, ev.MicOpened(), 0.0)
    beat(health, DEAF_S)
    with pytest.raises(UnwellError, match="nothing came from it"):
        beat(health, DEAF_S + 1)


@pytest.mark.parametrize("event", [ev.MicClosed(), ev.MicLost("unplugged")])
def test_a_microphone_that_is_known_to_be_away_is_no_reason_to_start_again(event: Event) -> None:
    health = Health()
    see(health, ev.MicOpened(), 0.0)
    see(health, event, 1.0)
    beat(health, 1e6)


def test_a_reply_that_nobody_plays_needs_a_new_start() -> None:
    health = Health()
    see(health, heard(), 0.0, PLAY)
    beat(health, DUMB_S)
    with pytest.raises(UnwellError, match="nothing was played"):
        beat(health, DUMB_S + 1)


def test_a_speaker_that_says_that_it_is_lost_is_not_dead() -> None:
    health = Health()
    see(health, heard(), 0.0, PLAY)
    see(health, ev.SpeakerLost("unplugged"), 100.0)
    beat(health, 200.0)
    see(health, ev.PlaybackEnded("i1", 0.0, interrupted=True), 201.0)
    beat(health, 1e6)


def test_a_box_that_grew_starts_afresh_when_nobody_talks() -> None:
    health = Health()
    see(health, heard(), 0.0, do.Show(Pattern.LISTENING))
    beat(health, 1.0, BIG_MB + 1)
    see(health, heard(), 2.0, do.Show(Pattern.IDLE))
    with pytest.raises(UnwellError, match="151 MB"):
        beat(health, 3.0, BIG_MB + 1)


def test_a_box_that_grew_out_of_all_bounds_starts_afresh_at_once() -> None:
    health = Health()
    see(health, heard(), 0.0, do.Show(Pattern.SPEAKING))
    with pytest.raises(UnwellError):
        beat(health, 1.0, HUGE_MB + 1)


def test_true_silence_is_found_after_ten_seconds_and_forgotten_with_the_first_sound() -> None:
    health = Health()
    see(health, ev.MicOpened(), 0.0)
    see(health, heard(499, SILENCE), 9.98)
    assert health.findings() == []
    see(health, heard(1, SILENCE), 10.0)
    assert health.findings() == [SILENT_MICROPHONE]
    beat(health, 10.0)
    see(health, heard(1, ROOM), 10.02)
    assert health.findings() == []


def test_true_silence_adds_up_over_short_presses() -> None:
    health = Health()
    for press in range(5):
        see(health, ev.MicOpened(), press * 5.0)
        assert health.findings() == []
        see(health, heard(100, SILENCE), press * 5.0 + 2)
        see(health, ev.MicClosed(), press * 5.0 + 2)
    assert health.findings() == [SILENT_MICROPHONE]
    see(health, ev.MicOpened(), 30.0)
    see(health, heard(1, ROOM), 30.1)
    assert health.findings() == []


def test_a_board_that_was_busy_is_told() -> None:
    health = Health()
    beat(health, 0.0)
    beat(health, 5.5)
    assert health.findings() == []
    beat(health, 13.0)
    assert [found.code for found in health.findings()] == ["busy_board"]
    assert health.worst_lag_s == pytest.approx(2.5)


@pytest.mark.parametrize("action", [do.OpenMic(), do.CloseMic()])
def test_a_handle_that_answers_no_wish_needs_a_new_start(action: Action) -> None:
    health = Health()
    see(health, heard(), 0.0, action)
    see(health, heard(), 20.0, do.OpenMic())  # another wish is no answer
    beat(health, DEAF_S)
    with pytest.raises(UnwellError, match="opened or closed"):
        beat(health, DEAF_S + 1)


@pytest.mark.parametrize("event", [ev.MicOpened(), ev.MicClosed(), ev.MicLost("gone")])
def test_a_handle_that_answered_owes_nothing(event: Event) -> None:
    health = Health()
    see(health, heard(), 0.0, do.OpenMic())
    see(health, event, 1.0)
    beat(health, DEAF_S + 0.5)


@pytest.mark.parametrize(
    ("event", "action"),
    [(ev.MicOpened(), do.ShowMic(is_open=True)), (HEARD, PLAY), (HEARD, do.CloseMic())],
)
def test_a_process_that_was_stopped_for_hours_is_not_unwell(event: Event, action: Action) -> None:
    health = Health()
    beat(health, 0.0)
    see(health, event, 4.0, action)
    beat(health, 5.0)
    beat(health, 20_000.0)  # before anything of what waits is read
    see(health, ev.MicClosed(), 20_000.1)
    see(health, ev.PlaybackEnded("i1", 0.0, interrupted=False), 20_000.1)
    for now_s in range(20_005, 20_200, 5):
        beat(health, float(now_s))


def test_a_microphone_that_died_while_the_process_stood_still_is_found_after_it() -> None:
    health = Health()
    beat(health, 0.0)
    see(health, ev.MicOpened(), 4.0)
    see(health, HEARD, 599.0)
    for now_s in range(600, 635, 5):
        beat(health, float(now_s))
    with pytest.raises(UnwellError, match="nothing came from it"):
        beat(health, 635.0)


def test_playing_a_long_reply_is_progress() -> None:
    health = Health()
    see(health, HEARD, 0.0, PLAY)
    see(health, ev.PlaybackStarted("i1", 0.0), 100.0)
    beat(health, 240.0)
    see(health, HEARD, 245.0, PLAY)
    beat(health, 390.0)
    see(health, ev.PlaybackEnded("i1", 0.0, interrupted=False), 395.0)
    beat(health, 1e6)


def test_sound_that_was_still_on_its_way_does_not_open_a_closed_handle() -> None:
    health = Health()
    see(health, ev.MicOpened(), 0.0)
    see(health, ev.MicClosed(), 1.0)
    see(health, heard(), 1.1)
    beat(health, 100.0)


def test_one_sound_ends_the_silence() -> None:
    health = Health()
    see(health, ev.MicOpened(), 0.0)
    for at_s in (9.0, 18.0):
        see(health, heard(450, SILENCE), at_s)
        see(health, heard(1, ROOM), at_s)
    assert health.findings() == []


def test_a_board_that_was_busy_once_is_forgiven_after_an_hour() -> None:
    health = Health()
    for now_s in (0.0, 8.0, 13.0):
        beat(health, now_s)
    assert [found.code for found in health.findings()] == ["busy_board"]
    for now_s in range(18, 3700, 5):
        beat(health, float(now_s))
    assert health.findings() == []
    assert health.worst_lag_s == pytest.approx(3.0)


def test_beats_that_come_when_they_are_due_are_not_late() -> None:
    health = Health()
    for now_s in range(0, 60, 5):
        beat(health, float(now_s))
    assert health.worst_lag_s == 0.0
