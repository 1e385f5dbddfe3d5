"""`pi-voice calibrate`: plays a short sound, hears what comes back, and says what to set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

from pi_voice.audio.calibrate import SWEEP_S, Measured, measure, propose, sweep
from pi_voice.audio.resample import Resampler, to_mono
from pi_voice.core.events import MicLost, PlaybackStarted, SpeakerLost
from pi_voice.errors import PiVoiceError
from pi_voice.frames import DETECTOR, SAMPLE_BYTES, AudioBatch, AudioFormat
from pi_voice.ports import Microphone, Speaker

ITEM = "sweep"
ROOM_S = 1.5  # of the room alone, before the sound
AFTER_S = 1.0  # longer than any echo is late
LONGEST_S = 30.0  # cards open within seconds; one that does not is said to be lost

BEFORE = "A rising tone follows. Please be quiet for four seconds."


async def calibrate(
    microphone: Microphone,
    speaker: Speaker,
    *,
    wire: AudioFormat,
    gain: Callable[[], float],
    channel: int | None = None,
) -> Measured:
    """Measure how the microphone hears the speaker.

    Args:
        microphone: Not entered yet.
        speaker: Likewise; plays at the rate of the wire.
        wire: The format of what the speaker is given.
        gain: Tells the factor on the samples of the speaker, from 0 to 1, once it has played.
        channel: Of the microphone, from 0; None averages all.

    Raises:
        PiVoiceError: One of them is not there, or nothing is heard of it.
    """
    try:
        async with asyncio.timeout(LONGEST_S), AsyncExitStack() as stack:
            await stack.enter_async_context(speaker)
            await stack.enter_async_context(microphone)
            played_s, batches = await _record(microphone, speaker, sweep(wire.rate_hz))
    except TimeoutError:
        raise PiVoiceError(
            f"the microphone or the speaker gave no sound within {LONGEST_S:g} s. "
            "Run: pi-voice devices"
        ) from None
    pcm = _judged(batches, channel)
    return measure(pcm, begins_s=batches[0].at_s, played_s=played_s, gain=gain())


def lines(measured: Measured) -> Iterator[str]:
    """What was measured, and the lines to paste."""
    proposal = propose(measured)
    yield f"The room: {-measured.room_db:.0f} dB below full scale"
    if measured.leak_db is None or measured.delay_ms is None:
        yield "The echo: none"
    else:
        leak = f"{measured.leak_db:+.0f} dB of what is played"
        yield f"The echo: {leak}, {max(0.0, measured.delay_ms):.0f} ms later"
    yield from proposal.advice
    yield f"Put this into the configuration, because {proposal.reason}:"
    yield ""
    yield "[audio]"
    yield f'echo = "{proposal.echo}"'


async def _record(
    microphone: Microphone, speaker: Speaker, pcm: bytes
) -> tuple[float, list[AudioBatch]]:
    """When the sound was played, and what was heard from well before to well after."""
    batches: list[AudioBatch] = []
    quiet, until_s = asyncio.Event(), float("inf")
    lost: MicLost | SpeakerLost | None = None
    async with asyncio.TaskGroup() as tasks:
        playing = tasks.create_task(_play(speaker, pcm, quiet))
        microphone.open()
        speaker.prepare()
        async for heard in microphone.events():
            if isinstance(heard, MicLost):
                lost = heard
                break
            if not isinstance(heard, AudioBatch):
                continue
            batches.append(heard)
            if heard.at_s >= batches[0].at_s + ROOM_S:
                quiet.set()
            if playing.done():
                started = playing.result()
                if isinstance(started, SpeakerLost):
                    lost = started
                    break
                until_s = started.at_s + SWEEP_S + AFTER_S
            if heard.at_s >= until_s:
                break
        else:
            lost = MicLost("the microphone stopped working. Run: pi-voice devices")
        playing.cancel()
    if lost is not None:
        raise PiVoiceError(lost.reason)
    return until_s - SWEEP_S - AFTER_S, batches


async def _play(
    speaker: Speaker, pcm: bytes, quiet: asyncio.Event
) -> PlaybackStarted | SpeakerLost:
    await quiet.wait()
    speaker.play(ITEM, pcm)
    speaker.end_item(ITEM)
    async for event in speaker.events():
        if isinstance(event, PlaybackStarted | SpeakerLost):
            return event
    return SpeakerLost("the speaker stopped working. Run: pi-voice devices")


def _judged(batches: list[AudioBatch], channel: int | None) -> bytes:
    """All of it, mono, at the rate of detectors; its first sample is the first of the batches."""
    card = batches[0].format
    wanted = channel if channel is not None and channel < card.channels else None
    resampler = Resampler(card.rate_hz, DETECTOR.rate_hz)
    mono = to_mono(b"".join(batch.pcm for batch in batches), card.channels, wanted)
    made = resampler.process(mono) + resampler.flush()
    return made[SAMPLE_BYTES * resampler.delay_samples :]
