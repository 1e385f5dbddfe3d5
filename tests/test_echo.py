"""The coupling gate: deaf to our own voice, not to a person who talks over it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from pi_voice.audio.echo import CouplingGate
from pi_voice.audio.resample import to_pcm
from pi_voice.audio.vad import SILENCE_DB, SpeechGate, level_db
from tests.speech import RATE_HZ, Leak, Wave, amplitude, frames, monologue, noise, utterance, vowel

LEAKS = [
    Leak(gain_db=-6, delay_ms=20),
    Leak(gain_db=-6, delay_ms=150, drift_ppm=100),
    Leak(gain_db=-10, delay_ms=60, drift_ppm=100),
    Leak(gain_db=-10, delay_ms=150, overdrive=8),
    Leak(gain_db=-20, delay_ms=20),
    Leak(gain_db=-20, delay_ms=150, drift_ppm=100),
]


@cache
def played(seconds: float) -> Wave:
    return monologue(seconds)


def room(seconds: float) -> Wave:
    return noise("pink", seconds, seed=3) * amplitude(-62)


def opens(gate: CouplingGate, heard: Wave, sounding: Wave) -> list[int]:
    """The frames at which it opened; what plays goes on, whatever it says."""
    turns, was_open = [], False
    for number, (mic, far) in enumerate(zip(frames(heard), frames(sounding), strict=True)):
        gate.plays(level_db(far))
        is_open = gate.hears_speech(mic)
        if is_open and not was_open:
            turns.append(number)
        was_open = is_open
    return turns


EVERY_LEAK = [
    Leak(gain_db, delay_ms, drift_ppm)
    for gain_db in (-6, -10, -15, -20)
    for delay_ms in (20, 60, 150)
    for drift_ppm in (-100, 100)
]


@pytest.mark.parametrize(
    ("leak", "seconds"),
    [(leak, 60) for leak in LEAKS]
    + [
        pytest.param(leak, 600, marks=(pytest.mark.long, pytest.mark.timeout(900)))
        for leak in LEAKS + EVERY_LEAK
    ],
    ids=str,
)
def test_our_own_voice_never_opens_it(leak: Leak, seconds: float) -> None:
    gate = CouplingGate(SpeechGate())
    heard = leak.heard(played(seconds)) + room(seconds)
    assert opens(gate, heard, played(seconds)) == []
    assert gate.coupling_db == pytest.approx(leak.gain_db, abs=5)


def test_a_plain_gate_hears_our_own_voice() -> None:
    gate, heard = SpeechGate(), LEAKS[-1].heard(played(60)) + room(60)
    assert any(gate.hears_speech(frame) for frame in frames(heard))


def talk_over(leak: Leak, level_db: float) -> list[float]:
    """After how many ms each of ten interruptions was noticed; missed ones are not listed."""
    sounding = played(20)
    echo, late = leak.heard(sounding) + room(20), []
    for seed in range(10):
        heard, begin = echo.copy(), 12 * RATE_HZ + seed * 1600
        said = np.concatenate([utterance(100 * seed + part) for part in range(3)])
        heard[begin : begin + len(said)] += said * amplitude(level_db)
        turns = opens(CouplingGate(SpeechGate()), heard, sounding)
        late += [frame * 20 - begin / 16 for frame in turns[:1]]
    return late


def test_who_stands_by_the_box_interrupts_it_within_a_third_of_a_second() -> None:
    late = talk_over(Leak(gain_db=-20, delay_ms=60), level_db=-20)
    assert len(late) == 10
    assert np.median(late) <= 300


def test_a_voice_as_loud_as_a_strong_echo_is_found_sometimes() -> None:
    assert 3 <= len(talk_over(Leak(gain_db=-10, delay_ms=60), level_db=-18)) <= 10


def test_while_nothing_plays_it_is_the_gate_that_it_wraps() -> None:
    said = np.concatenate([np.zeros(RATE_HZ), utterance(5) * amplitude(-26), np.zeros(2 * RATE_HZ)])
    heard = said + room(10)[: len(said)]
    plain, wrapped = SpeechGate(), CouplingGate(SpeechGate())
    verdicts = [plain.hears_speech(frame) for frame in frames(heard)]
    assert [wrapped.hears_speech(frame) for frame in frames(heard)] == verdicts
    assert any(verdicts)


def test_when_the_reply_ends_its_echo_is_not_taken_for_an_answer() -> None:
    sounding = played(20).copy()
    sounding[15 * RATE_HZ :] = 0
    heard = LEAKS[0].heard(sounding) + room(20)
    assert opens(CouplingGate(SpeechGate()), heard, sounding) == []


def test_who_interrupts_is_heard_to_the_end_after_the_reply_was_cut() -> None:
    leak, begin = Leak(gain_db=-20, delay_ms=60), 12 * RATE_HZ
    said = np.concatenate([utterance(part) for part in range(6)]) * amplitude(-20)
    sounding = played(20).copy()
    sounding[begin + RATE_HZ // 2 :] = 0
    heard = leak.heard(sounding) + room(20)
    heard[begin : begin + len(said)] += said
    gate = CouplingGate(SpeechGate())
    verdicts = []
    for mic, far in zip(frames(heard), frames(sounding), strict=True):
        gate.plays(level_db(far))
        verdicts.append(gate.hears_speech(mic))
    first, last = verdicts.index(True), begin // 320 + len(said) // 320
    assert all(verdicts[first:last])
    assert not any(verdicts[last + 50 :])


def test_when_the_reply_goes_on_after_an_interruption_it_is_no_answer_either() -> None:
    leak, begin = Leak(gain_db=-6, delay_ms=60), 12 * RATE_HZ
    sounding = np.concatenate([played(20), played(20)])
    sounding[begin + RATE_HZ // 2 : begin + 4 * RATE_HZ] = 0
    heard = leak.heard(sounding) + room(40)
    said = vowel(np.random.default_rng(1), 120, 1500) * amplitude(-6)
    heard[begin : begin + len(said)] += said
    turns = opens(CouplingGate(SpeechGate()), heard, sounding)
    assert [frame // 50 for frame in turns] == [12]


def test_who_talks_over_it_is_not_taken_for_a_louder_echo() -> None:
    leak, begin, sounding = Leak(gain_db=-20, delay_ms=60), 12 * RATE_HZ, played(20)
    heard = leak.heard(sounding) + room(20)
    said = np.concatenate([utterance(part) for part in range(4)]) * amplitude(-20)
    heard[begin : begin + len(said)] += said
    gate = CouplingGate(SpeechGate())
    assert len(opens(gate, heard[: begin + len(said)], sounding[: begin + len(said)])) == 1
    assert gate.coupling_db == pytest.approx(-20, abs=5)


def test_nobody_can_interrupt_before_the_leak_is_known() -> None:
    gate = CouplingGate(SpeechGate())
    loud = utterance(3)[: RATE_HZ // 4] * amplitude(-10)
    for frame in frames(loud):
        gate.plays(-20.0)
        assert not gate.hears_speech(frame)


def test_a_reset_shuts_it_and_keeps_what_it_learned() -> None:
    gate = CouplingGate(SpeechGate())
    opens(gate, LEAKS[0].heard(played(20)) + room(20), played(20))
    assert any([gate.hears_speech(frame) for frame in frames(utterance(3) * amplitude(-10))])
    coupling_db = gate.coupling_db
    gate.reset()
    assert gate.coupling_db == coupling_db
    assert not gate.hears_speech(bytes(640))


def test_the_room_is_not_learned_from_our_own_voice() -> None:
    inner = SpeechGate()
    gate = CouplingGate(inner)
    gate.plays(-20.0)
    gate.hears_speech(bytes(640))
    assert inner.freeze_rise
    for _ in range(60):
        gate.plays(SILENCE_DB)
        gate.hears_speech(bytes(640))
    assert not inner.freeze_rise


def test_a_block_of_the_playback_is_as_loud_as_its_samples() -> None:
    told, wave = CouplingGate(SpeechGate()), played(1)
    silent = CouplingGate(SpeechGate())
    told.far_end(to_pcm((wave * 32768).astype(np.float32)), RATE_HZ)
    told.hears_speech(bytes(640))
    silent.hears_speech(bytes(640))
    assert told.coupling_db == pytest.approx(SILENCE_DB + 20, abs=2)
    assert silent.coupling_db is None
