"""What a person sees of the demo: a live line, and a table of the turns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, TextIO

from pi_voice import build
from pi_voice.core.actions import Pattern

REFRESH_S = 0.1  # ten times a second looks alive
QUIET_DB, LOUD_DB = -60.0, -10.0  # the ends of the level meter
METER = 10
CLEAR_LINE = "\r\x1b[2K"


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """What became of one turn; times in ms, None where there was no such moment."""

    activation: str
    speech_ms: float
    sent_ms: float
    reply_received_ms: float
    reply_heard_ms: float
    interrupted: bool
    truncated_at_ms: float | None
    press_to_first_byte_ms: float | None
    speech_end_to_first_audio_ms: float | None
    interrupt_to_silence_ms: float | None

    @property
    def got_its_reply(self) -> bool:
        """All of what was said came back and was heard, or as much as was wanted of it."""
        if self.interrupted:
            return self.reply_heard_ms > 0
        whole = self.sent_ms - 1  # times are rounded to samples
        return self.sent_ms > 0 and min(self.reply_received_ms, self.reply_heard_ms) >= whole


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the conversation."""

    turns: tuple[TurnOutcome, ...]
    leds: tuple[Pattern, ...]
    muted_bytes_sent: int
    dropped_frames: int

    @property
    def is_complete(self) -> bool:
        replied = bool(self.turns) and all(turn.got_its_reply for turn in self.turns)
        return replied and not self.muted_bytes_sent

    def as_dict(self) -> dict[str, Any]:
        turns = [
            {key: round(v, 1) if isinstance(v, float) else v for key, v in asdict(turn).items()}
            for turn in self.turns
        ]
        return {**{f.name: getattr(self, f.name) for f in fields(self)}, "turns": turns}


class Screen:
    """Writes for a person: on a terminal one line that lives, elsewhere one line per change."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._alive = out.isatty()

    def say(self, *lines: str) -> None:
        if self._alive:
            self._out.write(CLEAR_LINE)
        self._out.writelines(f"{line}\n" for line in lines)
        self._out.flush()

    async def live(self, box: build.Simulation) -> None:
        """Show what the box does until cancelled."""
        shown = ""
        try:
            while True:
                state = _state(box)
                if self._alive:
                    self._out.write(f"{CLEAR_LINE}{state}  {_progress(box)}")
                    self._out.flush()
                elif state != shown:
                    self.say(state)
                shown = state
                await asyncio.sleep(REFRESH_S)
        finally:
            if self._alive:
                self._out.write(CLEAR_LINE)


def _state(box: build.Simulation) -> str:
    pattern = box.leds.pattern
    if pattern is None:
        return "  the box starts"
    mic = "open" if box.leds.mic_is_open else "closed"
    light = build.light_name(pattern)
    return f"  LED {light:<13} {pattern.value:<10} microphone {mic:<7} {_who(pattern):<14}".rstrip()


def _progress(box: build.Simulation) -> str:
    sent_ms = sum(turn.sent_ms for turn in box.log.turns)
    heard_ms = sum(turn.heard_ms for turn in box.log.turns)
    return f"{_meter(box)} sent {sent_ms:.0f} ms, heard {heard_ms:.0f} ms"


def _meter(box: build.Simulation) -> str:
    level_db = box.microphone.level_db if box.leds.mic_is_open else QUIET_DB
    share = (level_db - QUIET_DB) / (LOUD_DB - QUIET_DB)
    bars = round(max(0.0, min(1.0, share)) * METER)
    return "|" * bars + "." * (METER - bars)


def _who(pattern: Pattern) -> str:
    talking = {Pattern.LISTENING: "you talk", Pattern.SPEAKING: "the box talks"}
    return talking.get(pattern, "")


COLUMNS = (
    ("turn", 4),
    ("activation", 13),
    ("spoken", 9),
    ("sent", 8),
    ("reply", 8),
    ("heard", 8),
    ("press→sent", 11),
    ("end→reply", 10),
    ("press→silence", 14),
)


def table(outcome: Outcome) -> Iterator[str]:
    """The turns with their times, and the proof of the mute, as lines of text."""
    yield ""
    yield "".join(f"{name:>{width}}" for name, width in COLUMNS)
    for number, turn in enumerate(outcome.turns, start=1):
        cells = (
            str(number),
            turn.activation,
            _ms(turn.speech_ms),
            _ms(turn.sent_ms),
            _ms(turn.reply_received_ms),
            _ms(turn.reply_heard_ms),
            _ms(turn.press_to_first_byte_ms),
            _ms(turn.speech_end_to_first_audio_ms),
            _ms(turn.interrupt_to_silence_ms),
        )
        yield "".join(f"{cell:>{w}}" for cell, (_, w) in zip(cells, COLUMNS, strict=True))
    yield "Times in ms; sent is longer than spoken by what is heard around the words."
    if Pattern.MUTED in outcome.leds:
        yield f"While muted, {outcome.muted_bytes_sent} bytes of audio reached the service."


def closing(outcome: Outcome) -> str:
    """What to do next, or what to look at."""
    if outcome.is_complete:
        return (
            "Next: --wav question.wav asks in your own voice; on a Raspberry Pi, sudo ./install.sh "
            "makes the box."
        )
    if outcome.muted_bytes_sent:
        return "This is a fault of the program: it was heard while it was muted."
    return "A reply was not heard whole: is this machine busy? Try again, or with another --wav."


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
