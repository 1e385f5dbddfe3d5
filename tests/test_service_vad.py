"""Turns by loudness: where they begin and end, in the time of the audio."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pi_voice.sim.service_formats import FORMATS, PCM24, converted
from pi_voice.sim.service_vad import SpeechEdge, TurnDetector
from tests.stage import silence, tone

SPEECH = silence(1000) + tone(800) + silence(1000)


def edges(pcm: bytes, *, position_ms: float = 0.0, **config: Any) -> list[tuple[bool, float]]:
    detector = TurnDetector(config, PCM24, position_ms)
    return [(edge.started, edge.at_ms) for edge in detector.feed(pcm)]


def test_a_turn_begins_before_its_first_sound_and_ends_after_its_silence() -> None:
    found = edges(SPEECH, prefix_padding_ms=300, silence_duration_ms=500)
    assert found == [(True, 700.0), (False, 2300.0)]


def test_semantic_detection_is_treated_alike() -> None:
    assert edges(SPEECH, eagerness="low") == [(True, 700.0), (False, 2300.0)]


def test_positions_count_from_where_the_detector_began() -> None:
    assert edges(SPEECH, position_ms=5000.0)[0] == (True, 5700.0)


def test_padding_does_not_reach_behind_the_beginning_or_the_turn_before() -> None:
    assert edges(tone(100), prefix_padding_ms=300) == [(True, 0.0)]
    short = tone(200) + silence(100) + tone(200)
    found = edges(short, prefix_padding_ms=300, silence_duration_ms=100)
    assert found == [(True, 0.0), (False, 300.0), (True, 300.0)]


def test_a_click_is_no_speech_and_a_pause_no_end() -> None:
    assert edges(silence(500) + tone(40) + silence(500)) == []
    paused = tone(300) + silence(400) + tone(300)
    assert edges(paused, silence_duration_ms=500) == [(True, 0.0)]


def test_a_higher_threshold_wants_louder_speech() -> None:
    soft = tone(500, peak=200)
    assert edges(soft, threshold=0.2)
    assert not edges(soft, threshold=0.9)


def test_compressed_speech_is_heard_as_well() -> None:
    pcmu = FORMATS["audio/pcmu"]
    detector = TurnDetector({"silence_duration_ms": 200}, pcmu, 0.0)
    found = list(detector.feed(converted(SPEECH, PCM24, pcmu)))
    assert found == [SpeechEdge(started=True, at_ms=700.0), SpeechEdge(started=False, at_ms=2000.0)]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=30))
def test_it_does_not_matter_how_the_audio_is_cut(cuts: list[int]) -> None:
    detector = TurnDetector({}, PCM24, 0.0)
    found: list[SpeechEdge] = []
    rest = SPEECH
    for cut in cuts:
        found += detector.feed(rest[:cut])
        rest = rest[cut:]
    found += detector.feed(rest)
    assert [(edge.started, edge.at_ms) for edge in found] == edges(SPEECH)
