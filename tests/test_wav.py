from __future__ import annotations

import struct
import wave
from array import array
from contextlib import suppress
from pathlib import Path

import pytest

from pi_voice.errors import PiVoiceError
from pi_voice.sim.wav import read_wav, write_wav


def pcm(*samples: int) -> bytes:
    return array("h", samples).tobytes()


def wav(
    sound: bytes, *, tag: int = 1, channels: int = 1, rate_hz: int = 16_000, bits: int
) -> bytes:
    block = channels * bits // 8
    header = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block, block, bits)
    return riff(chunk(b"fmt ", header), chunk(b"data", sound))


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)


def riff(*chunks: bytes) -> bytes:
    content = b"WAVE" + b"".join(chunks)
    return struct.pack("<4sI", b"RIFF", len(content)) + content


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hello.wav"


def test_what_is_written_is_read_again(file: Path) -> None:
    write_wav(file, pcm(1, -2, 32_767, -32_768), 44_100)
    recording = read_wav(str(file))
    assert recording.mono == pcm(1, -2, 32_767, -32_768)
    assert recording.channels == (recording.mono,)
    assert recording.rate_hz == 44_100
    assert recording.duration_ms == pytest.approx(4 / 44.1)


def test_what_is_written_others_can_read(file: Path) -> None:
    write_wav(file, pcm(5, 6), 24_000)
    with wave.open(str(file)) as recording:
        assert recording.getparams()[:4] == (1, 2, 24_000, 2)
        assert recording.readframes(2) == pcm(5, 6)


@pytest.mark.parametrize(
    ("bits", "tag", "sound"),
    [
        (8, 1, bytes([0, 128, 255])),
        (16, 1, struct.pack("<3h", -32_768, 0, 32_512)),
        (24, 1, b"\xff\x00\x80" + b"\xff\x00\x00" + b"\x00\x00\x7f"),
        (32, 1, struct.pack("<3i", -(2**31), 0, 32_512 << 16)),
    ],
)
def test_every_width_of_pcm_becomes_16_bits(file: Path, bits: int, tag: int, sound: bytes) -> None:
    file.write_bytes(wav(sound, tag=tag, bits=bits))
    assert read_wav(file).mono == pcm(-32_768, 0, 32_512)


def test_float_is_scaled_and_clipped(file: Path) -> None:
    file.write_bytes(wav(struct.pack("<4f", 0.5, -1.0, 7.0, -7.0), tag=3, bits=32))
    assert read_wav(file).mono == pcm(16_384, -32_767, 32_767, -32_767)


def test_channels_are_kept_apart_and_averaged_for_mono(file: Path) -> None:
    file.write_bytes(wav(pcm(1, 101, -2, -100, 32_767, 32_767), channels=2, bits=16))
    recording = read_wav(file)
    assert recording.channels == (pcm(1, -2, 32_767), pcm(101, -100, 32_767))
    assert recording.mono == pcm(51, -51, 32_767)


def test_an_extensible_header_names_its_format_further_down(file: Path) -> None:
    header = struct.pack("<HHIIHH", 0xFFFE, 1, 48_000, 144_000, 3, 24)
    header += struct.pack("<HHIH", 22, 24, 4, 1) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    file.write_bytes(riff(chunk(b"fmt ", header), chunk(b"data", b"\0\x01\0")))
    assert read_wav(file).mono == pcm(1)


def test_chunks_that_we_do_not_know_are_passed_over(file: Path) -> None:
    header = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
    chunks = [chunk(b"LIST", b"odd"), chunk(b"fmt ", header), chunk(b"fact", b"1234")]
    file.write_bytes(riff(*chunks, chunk(b"data", pcm(1, 2)), chunk(b"LIST", b"more")))
    assert read_wav(file).mono == pcm(1, 2)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_recording_from_a_pipe_does_not_know_its_length(file: Path, size: int) -> None:
    whole = wav(pcm(1, 2, 3), bits=16)
    file.write_bytes(whole[:40] + struct.pack("<I", size) + whole[44:])
    assert read_wav(file).mono == pcm(1, 2, 3)


def test_a_file_that_ends_early_gives_the_whole_samples_that_are_there(file: Path) -> None:
    file.write_bytes(wav(pcm(1, 2, 3, 4), channels=2, bits=16)[:-1])
    assert read_wav(file).channels == (pcm(1), pcm(2))


def complaint(file: Path) -> str:
    with pytest.raises(PiVoiceError) as caught:
        read_wav(file)
    return str(caught.value)


def test_a_missing_file_is_one_sentence_with_the_fix(file: Path) -> None:
    assert complaint(file) == f"{file} does not exist. Look what is there: ls {file.parent}"


def test_a_folder_is_not_a_recording(tmp_path: Path) -> None:
    assert (
        complaint(tmp_path)
        == f"{tmp_path} cannot be read (is a directory). Name a file you may read"
    )


@pytest.mark.parametrize(
    ("data", "fact"),
    [
        (b"", "it is empty"),
        (b"ID3\x04 music", "it begins with b'ID3\\x04'"),
        (b"RIFF1234AVI etc", "it begins with b'RIFF'"),
        (riff(chunk(b"data", b"1234")), "it has no header"),
        (riff(chunk(b"fmt ", b"1234"), chunk(b"data", b"12")), "it has no header"),
        (wav(b"1234", bits=16, tag=7), "format 7 with 16 bits"),
        (wav(b"1234", bits=12), "format 1 with 12 bits"),
        (wav(b"12345678", bits=64, tag=3), "format 3 with 64 bits"),
        (wav(b"1234", bits=16, channels=0), "0 channels of 16 bits at 16000 Hz"),
        (wav(b"1234", bits=16, rate_hz=0), "1 channels of 16 bits at 0 Hz"),
        (wav(b"1234", bits=0), "1 channels of 0 bits at 16000 Hz"),
    ],
)
def test_what_is_no_pcm_wav_file_says_so_and_how_to_convert_it(
    file: Path, data: bytes, fact: str
) -> None:
    file.write_bytes(data)
    fix = f"Convert it: sox {file} -r 16000 -c 1 -b 16 {file.with_suffix('.pcm.wav')}"
    assert complaint(file) == f"{file} is not a PCM WAV file ({fact}). {fix}"


def test_the_conversion_of_another_kind_of_file_is_named_after_it(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"ID3\x04 music")
    assert complaint(song).endswith(f"sox {song} -r 16000 -c 1 -b 16 {tmp_path / 'song.wav'}")


def test_whatever_bytes_a_file_holds_it_is_sound_or_a_complaint(file: Path) -> None:
    whole = wav(pcm(*range(20)), channels=2, bits=16)
    for at in range(len(whole)):
        for value in (0, 1, 0x7F, 0xFF):
            file.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            with suppress(PiVoiceError):
                assert read_wav(file).rate_hz > 0


def test_a_place_where_nothing_can_be_written_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "out.wav"
    with pytest.raises(PiVoiceError) as caught:
        write_wav(file, b"", 16_000)
    assert str(caught.value) == (
        f"{file} cannot be written (no such file or directory). Name another place"
    )


def test_a_recording_without_sound_says_so(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.write_bytes(wav(b"", bits=16))
    with pytest.raises(PiVoiceError) as caught:
        read_wav(path)
    assert str(caught.value) == f"{path} holds no sound. Record something into it"
