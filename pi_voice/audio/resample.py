"""From the rate of a card to the rate of the wire and back, with memory between the pieces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Signal = NDArray[np.float32]  # samples in the making: same scale as int16, not yet rounded

TAPS = 32  # at the lower rate: 0.7 ms of delay at 24 kHz, 83 dB of stop band (measured)
CUT = 0.90  # of the lower Nyquist frequency: what is left for the slope of the filter
# A 16 kHz microphone has no octave to spare: with these, 7 kHz loses 0.7 dB instead of 6,
# for 0.5 ms more of delay.
NARROW_HZ = 16_000
NARROW_TAPS = 48
NARROW_CUT = 0.93
KAISER_BETA = 8.0  # side lobes under 80 dB, as deep as the noise of 16-bit rounding in speech
COLUMNS = 24  # outputs per matrix row below which the call costs more than the arithmetic
STEP_HZ = 50  # a step must divide 20 ms, so that whole frames leave nothing behind
PHASES = 1000  # 11.025 → 48 kHz needs 640; beyond are rates that no card has

_LEAST, _MOST = np.float32(-32768), np.float32(32767)
_NOTHING: Signal = np.zeros(0, np.float32)


class Resampler:
    """Streams mono samples from one rate to another through a polyphase filter.

    The sum of what comes out depends on the sum of what went in, never on how it was cut. The
    first `delay_samples` are the filter warming up: output `delay_samples + k` shows the input at
    `k / to_hz`. Equal rates pass through untouched.

    Attributes:
        delay_samples: How late the output is, in whole samples of `to_hz`.
        delay_ms: The same in ms.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._bank = None if from_hz == to_hz else _bank(from_hz, to_hz)
        self.delay_samples = self._bank.delay if self._bank else 0
        self.delay_ms = self.delay_samples * 1000 / to_hz
        self.reset()

    def reset(self) -> None:
        """Forget the past, as after a gap."""
        history = self._bank.history if self._bank else 0
        self._line = np.zeros(history, np.float32)
        self._fed = 0
        self._made = 0

    def process(self, pcm: bytes) -> bytes:
        """Take a piece of any length; give what is ready by now."""
        return pcm if self._bank is None else to_pcm(self.feed(from_pcm(pcm)))

    def flush(self) -> bytes:
        """Give what the filter still holds, as if silence followed; then it is as new."""
        return to_pcm(self.drain())

    def feed(self, samples: Samples) -> Signal:
        """`process` for those who go on calculating: int16 in, unrounded float32 out."""
        bank = self._bank
        if bank is None:
            return samples.astype(np.float32)
        self._fed += len(samples)
        held = len(self._line)
        line = np.empty(held + len(samples), np.float32)
        line[:held] = self._line
        line[held:] = samples
        steps = (len(line) - bank.history) // bank.step_in
        if steps <= 0:
            self._line = line
            return _NOTHING
        shape, strides = (steps, bank.history + bank.step_in), (bank.step_in * 4, 4)
        # Copied, because BLAS cannot take rows that overlap and the fallback is slow.
        windows = np.ndarray(shape, np.float32, line, 0, strides).copy()
        self._line = line[steps * bank.step_in :].copy()
        self._made += steps * bank.step_out
        made: Signal = (windows @ bank.weights).ravel()
        return made

    def drain(self) -> Signal:
        """`flush` for those who go on calculating."""
        bank = self._bank
        if bank is None:
            return _NOTHING
        missing = bank.delay - (-self._fed * bank.up // bank.down) - self._made
        tail = self.feed(np.zeros(self.needs(missing), np.int16))[:missing]
        self.reset()
        return tail

    def needs(self, outputs: int) -> int:
        """How many samples to feed for at least so many outputs."""
        bank = self._bank
        if bank is None:
            return outputs
        waiting = len(self._line) - bank.history
        return max(0, -(-outputs // bank.step_out) * bank.step_in - waiting)


@dataclass(frozen=True, slots=True)
class _Bank:
    """All phases of the filter as one matrix, so that a frame costs one multiplication.

    Attributes:
        weights: Shape (history + step_in, step_out): a row of input samples times this gives
            `step_out` outputs, and the next row starts `step_in` samples later.
        history: Samples before a step that its outputs still need.
        step_in: Samples taken per row.
        step_out: Samples made per row.
        up: The ratio of the rates in lowest terms: `up` outputs …
        down: … for `down` inputs.
        delay: Of the filter, in outputs.
    """

    weights: Signal
    history: int
    step_in: int
    step_out: int
    up: int
    down: int
    delay: int


@lru_cache(maxsize=16)  # a pure function of two rates; 2 ms that no audio callback should spend
def _bank(from_hz: int, to_hz: int) -> _Bank:
    common = gcd(from_hz, to_hz)
    up, down = to_hz // common, from_hz // common
    if max(up, down) > PHASES:
        raise ValueError(f"cannot resample {from_hz} Hz to {to_hz} Hz: no card has such a rate")
    kernel, delay = _kernel(from_hz, to_hz)
    history = ceil(len(kernel) / up)
    rows = 1
    while up * rows < COLUMNS and from_hz // STEP_HZ % (down * rows * 2) == 0:
        rows *= 2
    step_in, step_out = down * rows, up * rows
    # out[j] = sum over i of in[i] * kernel[j * down - i * up], with in[-history:] from before
    reach = np.arange(step_out) * down - np.arange(-history, step_in)[:, None] * up
    inside = (reach >= 0) & (reach < len(kernel))
    weights = np.where(inside, kernel[np.clip(reach, 0, len(kernel) - 1)], 0.0)
    return _Bank(weights.astype(np.float32), history, step_in, step_out, up, down, delay)


def _kernel(from_hz: int, to_hz: int) -> tuple[NDArray[np.float64], int]:
    """The low-pass filter at the least common multiple of the rates, and its delay in outputs."""
    common = gcd(from_hz, to_hz)
    up, down = to_hz // common, from_hz // common
    narrow = from_hz == NARROW_HZ < to_hz
    taps, cut = (NARROW_TAPS, NARROW_CUT) if narrow else (TAPS, CUT)
    lowest_hz = min(from_hz, to_hz)
    # A whole number of outputs of delay keeps every time stamp and every position exact.
    delay = round(taps * from_hz / lowest_hz * up / (2 * down))
    length = 2 * delay * down + 1
    t = np.arange(length) - delay * down
    cycles = cut * lowest_hz / (from_hz * up)  # twice the cut-off per sample of the kernel
    kernel = np.sinc(cycles * t) * np.kaiser(length, KAISER_BETA)
    return kernel * (up / kernel.sum()), delay


def from_pcm(pcm: bytes) -> Samples:
    """Shape (n,); a view, so it cannot be written to."""
    return np.frombuffer(pcm, "<i2")


def to_pcm(signal: Signal) -> bytes:
    """Round and saturate."""
    # np.clip does the same through three functions of Python
    return np.maximum(np.minimum(np.rint(signal), _MOST), _LEAST).astype("<i2").tobytes()


def to_mono(pcm: bytes, channels: int, channel: int | None) -> bytes:
    """One channel of interleaved sound, or the average of all.

    Args:
        pcm: A whole number of samples of all channels.
        channels: How many are interleaved.
        channel: Which to pick, from 0; None averages.

    Raises:
        ValueError: The card has no such channel.
    """
    if channel is not None and not 0 <= channel < channels:
        raise ValueError(f"channel {channel} of a card with {channels}; they count from 0")
    if channels == 1:
        return pcm
    if channel is not None:
        return from_pcm(pcm)[channel::channels].tobytes()
    share = np.full(channels, 1 / channels, np.float32)
    return to_pcm(from_pcm(pcm).reshape(-1, channels) @ share)
