"""The input audio buffer: whose sound belongs to which turn."""

from __future__ import annotations

import pytest

from pi_voice.sim import service_config
from pi_voice.sim.service_input import KEPT_MS, KEPT_SILENT_MS, InputBuffer
from pi_voice.sim.service_wire import Rejected, Wire
from tests.stage import silence, tone


def config(turn_detection: Wire | None = None, kind: str = "audio/pcm") -> Wire:
    start = service_config.initial("sess", "m", 0)
    start["audio"]["input"] |= {"turn_detection": turn_detection, "format": {"type": kind}}
    return start


def test_what_was_appended_is_taken_once() -> None:
    buffer = InputBuffer(config())
    list(buffer.append(tone(100), 1.0))
    list(buffer.append(silence(50), 2.0))
    assert (buffer.duration_ms, buffer.first_byte_at_s) == (150.0, 1.0)
    assert buffer.take_committed() == tone(100) + silence(50)
    assert (buffer.duration_ms, buffer.first_byte_at_s) == (0.0, None)


def test_a_turn_can_end_in_the_middle_of_an_append() -> None:
    buffer = InputBuffer(config())
    list(buffer.append(tone(300), 1.0))
    assert buffer.take(100.0) == tone(300)[: 100 * 48]
    buffer.begin(200.0)
    assert buffer.take() == tone(300)[200 * 48 :]


def test_a_turn_lies_between_its_beginning_and_its_end() -> None:
    buffer = InputBuffer(config())
    list(buffer.append(tone(500), 1.0))
    buffer.begin(100.0)
    assert buffer.take(300.0) == tone(500)[100 * 48 : 300 * 48]
    assert buffer.duration_ms == 200.0


def test_the_time_of_the_first_byte_is_that_of_the_append_it_came_with() -> None:
    buffer = InputBuffer(config())
    for second in range(5):
        list(buffer.append(tone(100), float(second)))
    buffer.begin(250.0)
    assert buffer.first_byte_at_s == 2.0


def test_less_than_100_ms_is_no_turn() -> None:
    buffer = InputBuffer(config())
    with pytest.raises(Rejected, match=r"buffer only has 0\.00ms of audio"):
        buffer.take_committed()


def test_another_format_gives_up_what_waits() -> None:
    buffer = InputBuffer(config())
    list(buffer.append(tone(300), 1.0))
    buffer.configure(config(kind="audio/pcmu"))
    assert buffer.duration_ms == 0.0
    list(buffer.append(bytes(800), 2.0))
    assert buffer.duration_ms == 100.0


def test_the_same_settings_again_leave_a_turn_in_peace() -> None:
    vad = {"type": "server_vad"}
    buffer = InputBuffer(config(vad))
    started = list(buffer.append(silence(100) + tone(100), 1.0))
    buffer.configure(config(dict(vad)))
    stopped = list(buffer.append(tone(100) + silence(500), 1.1))
    assert [edge.started for edge in started + stopped] == [True, False]


def test_an_endless_turn_keeps_only_its_newest_minutes() -> None:
    buffer = InputBuffer(config(kind="audio/pcma"))
    for second in range(KEPT_MS // 1000 + 60):
        list(buffer.append(bytes([second % 256]) * 8000, float(second)))
    assert buffer.duration_ms == KEPT_MS
    assert buffer.first_byte_at_s == 60.0


def test_hours_of_silence_under_a_detector_cost_half_a_minute() -> None:
    buffer = InputBuffer(config({"type": "server_vad"}, kind="audio/pcmu"))
    for second in range(60):
        list(buffer.append(b"\xff" * 8000, float(second)))
    assert buffer.duration_ms == KEPT_SILENT_MS
