"""G.711, held against every sample there is."""

from __future__ import annotations

import hashlib
from array import array

import pytest

from pi_voice.g711 import G711, coder

EVERY_SAMPLE = array("h", range(-32768, 32768))
EVERY_CODE = bytes(range(256))
LAWS = ["pcmu", "pcma"]


def samples(pcm: bytes) -> array[int]:
    return array("h", pcm)


@pytest.mark.parametrize(
    ("law", "digest"), [("pcmu", "81d633c9e6972a18"), ("pcma", "38488f6fd710f468")]
)
def test_every_sample_gets_the_code_that_the_audioop_of_python_gave_it(
    law: str, digest: str
) -> None:
    codes = G711(law).encode(EVERY_SAMPLE.tobytes())
    assert hashlib.sha256(codes).hexdigest().startswith(digest)


@pytest.mark.parametrize("law", LAWS)
def test_every_code_comes_back_from_its_own_sample(law: str) -> None:
    coder = G711(law)
    decoded = coder.decode(EVERY_CODE)
    assert coder.decode(coder.encode(decoded)) == decoded


@pytest.mark.parametrize("law", LAWS)
def test_louder_samples_stay_louder(law: str) -> None:
    coder = G711(law)
    decoded = samples(coder.decode(coder.encode(EVERY_SAMPLE.tobytes())))
    assert list(decoded) == sorted(decoded)


@pytest.mark.parametrize("law", LAWS)
def test_no_sample_is_off_by_more_than_a_thirtieth_of_itself(law: str) -> None:
    coder = G711(law)
    decoded = samples(coder.decode(coder.encode(EVERY_SAMPLE.tobytes())))
    for before, after in zip(EVERY_SAMPLE, decoded, strict=True):
        assert abs(before - after) <= 16 + abs(before) / 30


@pytest.mark.parametrize(("law", "code"), [("pcmu", b"\xff"), ("pcma", b"\xd5")])
def test_silence_has_the_code_of_the_standard(law: str, code: bytes) -> None:
    assert G711(law).encode(bytes(320)) == code * 160


@pytest.mark.parametrize("law", LAWS)
def test_half_a_sample_and_nothing_at_all_do_no_harm(law: str) -> None:
    coder = G711(law)
    assert coder.encode(b"") == coder.decode(b"") == b""
    assert len(coder.encode(bytes(5))) == 2
    assert len(coder.decode(bytes(5))) == 10


def test_a_coder_is_made_once() -> None:
    assert coder("pcmu") is coder("pcmu")
