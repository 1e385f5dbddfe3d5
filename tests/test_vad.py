"""The gate: every onset, no noise. The talker and the noises are tests/speech.py."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import wave
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from pi_voice.audio.resample import Resampler, from_pcm
from pi_voice.audio.vad import SpeechGate, level_db
from tests.speech import (
    RATE_HZ,
    Talk,
    Wave,
    amplitude,
    frames,
    noise,
    rms,
    talk,
    talk_of,
    utterance,
    vowel,
)

PRE_ROLL_MS = 300
NOISES = ("white", "pink", "hum")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate made of a talk.

    Attributes:
        missed: Utterances at which it did not open.
        cut: Utterances whose begin is not in the pre-roll of the opening.
        opened_ms: After the first sound, until the end of the frame that opened; sorted.
        closed_ms: After the last sound; sorted.
        false_opens: While nobody talked.
    """

    missed: int
    cut: int
    opened_ms: list[float]
    closed_ms: list[float]
    false_opens: int

    def __str__(self) -> str:
        p50, p95, worst = np.percentile(self.opened_ms, [50, 95, 100])
        return (
            f"missed {self.missed}, cut {self.cut}, false {self.false_opens}, open after "
            f"{p50:.0f}/{p95:.0f}/{worst:.0f} ms, shut after {np.median(self.closed_ms):.0f} ms"
        )


def opens(gate: SpeechGate, wave: Wave) -> list[tuple[float, float]]:
    """When the gate opened and shut, in ms; each at the end of its frame."""
    turns, began_ms, now_ms = [], -1.0, 0.0
    for frame in frames(wave):
        now_ms += 20
        is_open = gate.hears_speech(frame)
        if is_open and began_ms < 0:
            began_ms = now_ms
        if not is_open and began_ms >= 0:
            turns.append((began_ms, now_ms))
            began_ms = -1.0
    return turns if began_ms < 0 else [*turns, (began_ms, now_ms)]


def judge(said: Talk, background: Wave | None = None, gate: SpeechGate | None = None) -> Verdict:
    wave = said.wave if background is None else said.wave + background[: len(said.wave)]
    turns = opens(gate or SpeechGate(), wave)
    missed, late, lags, true_turns = 0, [], [], set()
    for first, last in said.spoken:
        begin_ms, end_ms = first * 1000 / RATE_HZ, last * 1000 / RATE_HZ
        mine = [turn for turn in turns if begin_ms - 300 < turn[0] < end_ms + 100]
        true_turns.update(mine)
        if mine:
            late.append(mine[0][0] - begin_ms)
            lags.append(mine[-1][1] - end_ms)
        missed += not mine
    cut = sum(ms > PRE_ROLL_MS for ms in late)
    return Verdict(missed, cut, sorted(late), sorted(lags), len(set(turns) - true_turns))


@cache
def sixty(level_db: float = -26.0) -> Talk:
    return talk(60, level_db=level_db)


WORDS = (
    "yes no stop hello help zero music please thanks wait show find call open shut "
    "five half six water every"
)
VOICES = ("en-us", "en-gb+f3", "de+m3")


@cache
def read_aloud() -> Talk:
    """The same words by three voices: harder than numbers, but not the same on every machine."""
    said = []
    for voice in VOICES:
        for word in WORDS.split():
            command = ["espeak-ng", "-v", voice, "--stdout", word]
            wav = subprocess.run(command, check=True, capture_output=True).stdout
            with wave.open(io.BytesIO(wav)) as file:
                rate_hz = file.getframerate()
            # a header of 44 bytes; the lengths in it are those of an endless stream
            resampler = Resampler(rate_hz, RATE_HZ)
            said.append(from_pcm(resampler.process(wav[44:]) + resampler.flush()).astype(float))
    return talk_of([trimmed(one) for one in said])


def trimmed(said: Wave) -> Wave:
    """From the first to the last 10 ms that are within 30 dB of the loudest; at an rms of 1."""
    loudness = np.sqrt(np.convolve(said**2, np.ones(160) / 160, "same"))
    (loud,) = np.nonzero(loudness > amplitude(-30) * loudness.max())
    said = said[loud[0] : loud[-1]]
    return said / rms(said[np.abs(said) > 0.02 * np.abs(said).max()])


def background(kind: str, level_db: float, seconds: float = 180, seed: int = 5) -> Wave:
    return noise(kind, seconds, seed) * amplitude(level_db)


def show(row: str, verdict: Verdict | int) -> None:
    print(f"{row:>18}: {verdict}")  # noqa: T201 - the table that the figures are read from


# -- the figures


@pytest.mark.parametrize("level", [-26, -50])
def test_in_a_quiet_room_every_voice_is_heard(level: float) -> None:
    verdict = judge(sixty(level), background("white", -75))
    show(f"quiet, {level} dB", verdict)
    assert (verdict.missed, verdict.cut, verdict.false_opens) == (0, 0, 0)
    assert verdict.opened_ms[30] <= 100
    assert verdict.closed_ms[0] >= 540
    assert verdict.closed_ms[-1] <= 660


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize(
    "snr_db",
    [
        pytest.param(20, marks=pytest.mark.long),
        10,
        pytest.param(5, marks=pytest.mark.long),
    ],
)
def test_no_onset_is_lost_in_noise(kind: str, snr_db: float) -> None:
    verdict = judge(sixty(), background(kind, -26 - snr_db))
    show(f"{kind}, {snr_db} dB SNR", verdict)
    assert (verdict.missed, verdict.cut, verdict.false_opens) == (0, 0, 0)
    assert verdict.opened_ms[57] <= 200


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
@pytest.mark.parametrize(
    "kind",
    [
        "white",
        pytest.param("pink", marks=pytest.mark.long),
        pytest.param("hum", marks=pytest.mark.long),
    ],
)
def test_no_onset_of_a_speech_synthesiser_is_lost_in_noise(kind: str) -> None:
    verdict = judge(read_aloud(), background(kind, -36))
    show(f"espeak, {kind}, 10 dB", verdict)
    assert (verdict.missed, verdict.cut, verdict.false_opens) == (0, 0, 0)


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("level", [-30, -45, -60])
def test_100_s_of_noise_never_open_it(kind: str, level: float) -> None:
    turns = opens(SpeechGate(), background(kind, level, seconds=100))
    show(f"{kind}, {level} dB", len(turns))
    assert turns == []


@pytest.mark.parametrize("kind", NOISES)
def test_100_s_of_noise_that_swells_and_fades_never_open_it(kind: str) -> None:
    wave = background(kind, -45, seconds=100)
    swell_db = 6 * np.sin(2 * np.pi * np.arange(len(wave)) / RATE_HZ / 10)
    turns = opens(SpeechGate(), wave * 10 ** (swell_db / 20))
    show(f"{kind}, swelling", len(turns))
    assert turns == []


# -- how it behaves


def test_a_sudden_noise_that_stays_is_the_room_after_two_seconds() -> None:
    wave = background("white", -60, seconds=20)
    wave[5 * RATE_HZ :] *= amplitude(30)
    turns = opens(SpeechGate(), wave)
    assert len(turns) <= 1
    assert all(shut - opened <= 2200 for opened, shut in turns)


def test_after_a_loud_room_became_quiet_a_quiet_voice_is_heard_at_once() -> None:
    quiet = background("pink", -75, seconds=2)
    quiet[RATE_HZ // 2 :][: RATE_HZ // 4] += utterance(8)[: RATE_HZ // 4] * amplitude(-50)
    wave = np.concatenate([background("pink", -30, seconds=10), quiet])
    (turn,) = opens(SpeechGate(), wave)
    assert turn[0] - 10_500 <= PRE_ROLL_MS


def test_a_hum_that_is_switched_on_is_loud_but_no_voice() -> None:
    wave = background("hum", -60, seconds=10)
    wave[5 * RATE_HZ :] *= amplitude(12)
    assert opens(SpeechGate(), wave) == []


def test_a_knock_is_too_short_for_speech() -> None:
    wave = background("white", -60, seconds=3)
    knock = vowel(np.random.default_rng(1), 150, 100)[480:960] * amplitude(-20)
    wave[RATE_HZ : RATE_HZ + len(knock)] += knock
    assert opens(SpeechGate(), wave) == []
    assert len(opens(SpeechGate(hits=1), wave)) == 1


def test_a_long_drawn_vowel_is_one_turn() -> None:
    wave = background("white", -60, seconds=4)
    vowels = vowel(np.random.default_rng(1), 120, 1300) * amplitude(-26)
    wave[RATE_HZ : RATE_HZ + len(vowels)] += vowels
    (turn,) = opens(SpeechGate(), wave)
    assert turn[1] - turn[0] >= 1700


def test_a_long_sentence_is_one_turn() -> None:
    said = np.concatenate([utterance(seed) for seed in range(12)]) * amplitude(-26)
    wave = np.concatenate([np.zeros(RATE_HZ), said, np.zeros(2 * RATE_HZ)])
    (turn,) = opens(SpeechGate(), wave + background("pink", -46)[: len(wave)])
    assert turn[1] - turn[0] >= len(said) * 1000 / RATE_HZ


def test_a_card_that_wakes_up_with_zeros_does_not_make_the_room_speak() -> None:
    wave = background("pink", -45, seconds=10)
    wave[: RATE_HZ // 2] = 0
    assert opens(SpeechGate(), wave) == []


@pytest.mark.parametrize("kind", NOISES)
def test_a_card_that_takes_a_moment_to_settle_does_not_make_the_room_speak(kind: str) -> None:
    gate, wave = SpeechGate(), background(kind, -45, seconds=3)
    wave[: RATE_HZ * 80 // 1000] *= amplitude(-40)
    for _ in range(3):
        assert opens(gate, wave) == []
        gate.reset()


def test_a_microphone_that_gives_zeros_between_words_is_heard() -> None:
    verdict = judge(talk(10))
    assert (verdict.missed, verdict.cut) == (0, 0)


def test_zeros_teach_it_nothing() -> None:
    gate = SpeechGate()
    opens(gate, background("white", -50, seconds=3))
    floor_db = gate.floor_db
    opens(gate, np.zeros(RATE_HZ))
    assert gate.floor_db == floor_db


def test_while_the_speaker_plays_the_room_does_not_get_louder() -> None:
    gate = SpeechGate()
    opens(gate, background("white", -60, seconds=3))
    floor_db = gate.floor_db
    assert floor_db is not None
    gate.freeze_rise = True
    opens(gate, background("white", -30, seconds=5))
    assert gate.floor_db == pytest.approx(floor_db, abs=1)
    gate.freeze_rise = False
    opens(gate, background("white", -30, seconds=5))
    assert gate.floor_db == pytest.approx(floor_db + 30, abs=1.5)


def test_a_reset_shuts_the_gate_and_keeps_the_room() -> None:
    gate = SpeechGate()
    wave = background("white", -60, seconds=4)
    opens(gate, wave)
    said = utterance(3) * amplitude(-26)
    opens(gate, said[: RATE_HZ // 2])
    assert gate.is_open
    floor_db = gate.floor_db
    gate.reset()
    assert not gate.is_open
    assert gate.floor_db == floor_db
    assert opens(gate, wave) == []


def test_who_speaks_while_the_microphone_opens_again_is_not_the_room() -> None:
    gate = SpeechGate()
    opens(gate, background("white", -60, seconds=3))
    gate.reset()
    said = utterance(3)[: RATE_HZ // 2] * amplitude(-26)
    (turn,) = opens(gate, said)
    assert turn[0] <= 100


def test_more_hits_open_later() -> None:
    said, hiss = talk(10), background("white", -46)
    early = judge(said, hiss)
    late = judge(said, hiss, SpeechGate(hits=6, window=8))
    assert late.opened_ms[5] > early.opened_ms[5] + 20


def test_a_shorter_hangover_shuts_earlier() -> None:
    verdict = judge(talk(5), background("white", -60), SpeechGate(hangover_ms=200))
    assert 140 <= verdict.closed_ms[-1] <= 260


def test_a_wider_margin_needs_a_louder_voice() -> None:
    said, hiss = talk(5), background("white", -36)
    assert judge(said, hiss).missed == 0
    assert judge(said, hiss, SpeechGate(margin_db=25)).missed == 5


@pytest.mark.parametrize(
    ("pcm", "db"),
    [
        (bytes(640), -96.3),
        (b"", -96.3),
        (np.full(320, 32767, "<i2").tobytes(), 0.0),
        (np.tile([3277, -3277], 160).astype("<i2").tobytes(), -20.0),
    ],
)
def test_loudness_is_in_db_below_full_scale(pcm: bytes, db: float) -> None:
    assert level_db(pcm) == pytest.approx(db, abs=0.05)


def test_the_slow_wrapper_of_webrtcvad_is_not_imported() -> None:
    code = "import sys, pi_voice.audio.vad; sys.exit('webrtcvad' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
