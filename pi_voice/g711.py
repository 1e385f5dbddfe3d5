"""G.711 at 8 kHz: a sixth of the bytes of 24 kHz PCM, for links that are paid by the megabyte."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Callable

RATE_HZ = 8_000
ULAW_BIAS = 0x84  # 33 of the standard's 14 bits; makes every segment begin at a power of two
ULAW_CLIP = 0x7FFF - ULAW_BIAS
EVEN_BITS = 0x55  # A-law inverts them on the wire, so that silence has edges (G.711 §3.2)


class G711:
    """Codes 16-bit samples as bytes and back; frames of any length, no memory between them."""

    def __init__(self, encoding: str) -> None:
        """Make the tables: a few ms, so only for who needs them.

        Args:
            encoding: "pcmu" or "pcma".
        """
        to_code, to_sample, unused_bits = {
            "pcmu": (_to_ulaw, _from_ulaw, 2),
            "pcma": (_to_alaw, _from_alaw, 3),
        }[encoding]
        self._codes = _code_table(to_code, unused_bits)
        self._samples = tuple(to_sample(code) for code in range(256))

    def encode(self, pcm: bytes) -> bytes:
        """Code mono samples at 8 kHz; half a sample at the end is left out."""
        samples = memoryview(pcm)[: len(pcm) & ~1].cast("H")
        return bytes(map(self._codes.__getitem__, samples))

    def decode(self, data: bytes) -> bytes:
        """Give mono samples at 8 kHz."""
        return array("h", map(self._samples.__getitem__, data)).tobytes()


@functools.cache
def coder(encoding: str) -> G711:
    """The one coder of this encoding, made when it is first needed."""
    return G711(encoding)


def _code_table(to_code: Callable[[int], int], unused_bits: int) -> bytes:
    """Codes of all 16-bit samples, by their unsigned value; the lowest bits never matter."""
    step = 1 << unused_bits
    codes = [to_code(sample) for sample in (*range(0, 1 << 15, step), *range(-1 << 15, 0, step))]
    return b"".join(bytes((code,)) * step for code in codes)


def _to_ulaw(sample: int) -> int:
    magnitude = min(abs(sample), ULAW_CLIP) + ULAW_BIAS
    segment = magnitude.bit_length() - 8
    code = segment << 4 | magnitude >> (segment + 3) & 0x0F
    return ~(code | (0x80 if sample < 0 else 0)) & 0xFF


def _from_ulaw(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + ULAW_BIAS << (code >> 4 & 7)) - ULAW_BIAS
    return -magnitude if code & 0x80 else magnitude


def _to_alaw(sample: int) -> int:
    magnitude = sample if sample >= 0 else ~sample
    segment = max(magnitude.bit_length() - 8, 0)
    code = segment << 4 | magnitude >> max(segment + 3, 4) & 0x0F
    return (code | (0x80 if sample >= 0 else 0)) ^ EVEN_BITS


def _from_alaw(code: int) -> int:
    code ^= EVEN_BITS
    segment = code >> 4 & 7
    magnitude = ((code & 0x0F) << 4) + 8
    if segment:
        magnitude = magnitude + 0x100 << segment - 1
    return magnitude if code & 0x80 else -magnitude
