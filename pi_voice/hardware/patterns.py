"""What each light pattern looks like, as data; nothing here knows a pin or a clock.

The table is written in the words that `[leds.patterns]` of the configuration takes. Each pattern
has a rhythm of its own, so that it is told without colours, too: one LED is enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pi_voice.core.actions import Pattern

LIGHTS = {
    Pattern.STARTING: "white pulse 2000",
    Pattern.IDLE: "blue blink 60 3940",
    Pattern.OPENING: "cyan blink 60 60",
    Pattern.LISTENING: "cyan solid",
    Pattern.THINKING: "purple blink 200 200",
    Pattern.SPEAKING: "green pulse 1200",
    Pattern.ASLEEP: "blue blink 60 9940",
    # Failures count: long blinks say where (none: on the way to the service; one: in the box; two:
    # in what was set or paid), short ones say what. The spans are slow enough to be counted.
    Pattern.MUTED: "red blink 600 280 120 3000",
    Pattern.NO_MICROPHONE: "red blink 600 280 120 280 120 1600",
    Pattern.NO_SPEAKER: "red blink 600 280 120 280 120 280 120 1600",
    Pattern.SAFE_MODE: "red blink 600 280 120 280 120 280 120 280 120 1600",
    Pattern.NO_NETWORK: "orange blink 120 280 120 1600",
    Pattern.SERVICE_DOWN: "orange blink 120 280 120 280 120 1600",
    Pattern.CLOCK_WRONG: "orange blink 120 280 120 280 120 280 120 1600",
    Pattern.CERTIFICATE: "orange blink 120 280 120 280 120 280 120 280 120 1600",
    Pattern.KEY_REFUSED: "yellow blink 600 280 600 280 120 1600",
    Pattern.QUOTA_SPENT: "yellow blink 600 280 600 280 120 280 120 1600",
    Pattern.BUDGET_SPENT: "yellow blink 600 280 600 280 120 280 120 280 120 1600",
    Pattern.MISCONFIGURED: "yellow blink 600 280 600 280 120 280 120 280 120 280 120 1600",
}
MEANINGS = {
    Pattern.STARTING: "starting; no session with the service yet",
    Pattern.IDLE: "ready",
    Pattern.OPENING: "the microphone is being opened; wait for the steady light",
    Pattern.LISTENING: "it hears you",
    Pattern.THINKING: "waiting for the reply",
    Pattern.SPEAKING: "it talks",
    Pattern.ASLEEP: "ready; the line was closed and opens with the next press",
    Pattern.MUTED: "muted, the microphone stays closed: unmute it at the box",
    Pattern.NO_MICROPHONE: "no microphone: check its cable, then `[audio] microphone`",
    Pattern.NO_SPEAKER: "no speaker: check its cable, then `[audio] speaker`",
    Pattern.SAFE_MODE: "it crashed repeatedly; some parts are left out: ask `pi-voice status`",
    Pattern.NO_NETWORK: "no network: check Wi-Fi or cable; it keeps trying",
    Pattern.SERVICE_DOWN: "the service does not answer: wait; it keeps trying",
    Pattern.CLOCK_WRONG: "the clock is wrong: let the box reach a time server",
    Pattern.CERTIFICATE: "what answers is not the service: look for a login page in this network",
    Pattern.KEY_REFUSED: "the service refuses the key: put in a valid one",
    Pattern.QUOTA_SPENT: "the account at the service is used up: pay or raise its quota",
    Pattern.BUDGET_SPENT: "your own limit is reached: wait, or raise it in `[limits]`",
    Pattern.MISCONFIGURED: "a setting is wrong: run `sudo pi-voice config check --service`",
}
LONG_MS = 300.0  # a blink is counted as long from here on
COLOURS = {  # blue, orange and the bluish green stay apart for all common kinds of colour blindness
    "white": (1.0, 1.0, 1.0),
    "red": (1.0, 0.0, 0.0),
    "orange": (1.0, 0.35, 0.0),
    "yellow": (1.0, 0.75, 0.0),
    "green": (0.0, 1.0, 0.25),
    "cyan": (0.0, 0.75, 1.0),
    "blue": (0.0, 0.1, 1.0),
    "purple": (0.7, 0.0, 1.0),
}
PULSE_MS = 2000.0
BLINK_MS = (500.0, 500.0)
FAINT = 0.05  # the low end of a pulse; at 0 the light would seem to be off
GLIDE_MS = 40.0  # 25 changes a second look smooth
WINK = (
    2900.0,
    100.0,
)  # what a lone light shows in place of a steady one that is not the microphone
DAY_MIN = 24 * 60


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of a rhythm.

    Attributes:
        level: 0 is off, 1 is full.
        ms: How long it lasts.
        glides: The level moves evenly to that of the next step.
    """

    level: float
    ms: float
    glides: bool = False


@dataclass(frozen=True, slots=True)
class Light:
    """What to show at one moment; every number is from 0 to 1.

    Attributes:
        level: For a light of one colour.
        red: For a light of three, as are green and blue; the level is in them.
    """

    level: float
    red: float
    green: float
    blue: float


@dataclass(frozen=True, slots=True)
class Programme:
    """A colour and a rhythm that repeats.

    Attributes:
        colour: A name of COLOURS or #rrggbb.
        steps: At least one.
    """

    colour: str
    steps: tuple[Step, ...]

    @property
    def is_steady(self) -> bool:
        return len(self.steps) == 1

    @property
    def cycle_ms(self) -> float:
        return math.fsum(step.ms for step in self.steps)


SOLID = (Step(1.0, 1000.0),)
OFF = Programme("white", (Step(0.0, 1000.0),))


def parse(text: str) -> Programme:
    """Read a light as the configuration spells it; the text was checked before."""
    if text == "off":
        return OFF
    colour, motion, *times = text.split()
    numbers = [float(time) for time in times]
    if motion == "solid":
        return Programme(colour, SOLID)
    if motion == "pulse":
        half_ms = (numbers[0] if numbers else PULSE_MS) / 2
        return Programme(colour, (Step(FAINT, half_ms, True), Step(1.0, half_ms, True)))
    return Programme(colour, _blink(numbers or BLINK_MS))


def _blink(times_ms: tuple[float, ...] | list[float]) -> tuple[Step, ...]:
    return tuple(Step(float(number % 2 == 0), ms) for number, ms in enumerate(times_ms))


def alone(programme: Programme, *, mic_is_open: bool) -> Programme:
    """What the only light of a box shows: steady while the microphone is open, and only then."""
    if mic_is_open:
        return replace(programme, steps=SOLID)
    if programme.is_steady and programme.steps[0].level > 0:
        return replace(programme, steps=_blink(WINK))
    return programme


def squared(programme: Programme) -> Programme:
    """The same rhythm for a light that can only be on or off."""
    return replace(programme, steps=tuple(_square_steps(programme)))


def _square_steps(programme: Programme) -> Iterator[Step]:
    following = (*programme.steps[1:], programme.steps[0])
    for step, after in zip(programme.steps, following, strict=True):
        if step.glides:
            yield Step(round(step.level), step.ms / 2)
            yield Step(round(after.level), step.ms / 2)
        else:
            yield Step(round(step.level), step.ms)


def evaluate(programme: Programme, t_ms: float) -> Light:
    """What a programme shows `t_ms` after its start."""
    index, into_ms = _position(programme, t_ms)
    step = programme.steps[index]
    level = step.level
    if step.glides:
        after = programme.steps[(index + 1) % len(programme.steps)]
        level += (after.level - level) * into_ms / step.ms
    red, green, blue = rgb(programme.colour)
    return Light(level, level * red, level * green, level * blue)


def until_change_ms(programme: Programme, t_ms: float) -> float:
    """How long what is shown at `t_ms` stays true; infinite for a steady light."""
    if programme.is_steady:
        return math.inf
    index, into_ms = _position(programme, t_ms)
    step = programme.steps[index]
    left_ms = step.ms - into_ms
    return min(left_ms, GLIDE_MS) if step.glides else left_ms


def _position(programme: Programme, t_ms: float) -> tuple[int, float]:
    """The step that runs at `t_ms`, and for how long it does."""
    into_ms = t_ms % programme.cycle_ms
    for index, step in enumerate(programme.steps):
        if into_ms < step.ms:
            return index, into_ms
        into_ms -= step.ms
    return 0, 0.0  # rounding ate the end of the cycle


def rgb(colour: str) -> tuple[float, float, float]:
    """Red, green and blue of a colour, from 0 to 1."""
    if colour in COLOURS:
        return COLOURS[colour]
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red / 255, green / 255, blue / 255


@dataclass(frozen=True, slots=True)
class Look:
    """The owner's taste, as the configuration has it.

    Attributes:
        patterns: Lights that replace those of the table.
        brightness: By day, in percent of the time that the light is on.
        night: The dimmed hours in local time, "22:00-07:00".
        night_brightness: By night, in percent.
    """

    patterns: Mapping[Pattern, str] = field(default_factory=dict)
    brightness: int = 100
    night: str | None = None
    night_brightness: int = 10

    def programme(self, pattern: Pattern) -> Programme:
        return parse(self.patterns.get(pattern, LIGHTS[pattern]))

    def dimming(self, minute: int) -> float:
        """How bright full light is, from 0 to 1, at a minute of the local day."""
        return (self.night_brightness if self._is_night(minute) else self.brightness) / 100

    @property
    def is_dimmed(self) -> bool:
        """The light is not always at full."""
        return self.brightness < 100 or (self.night is not None and self.night_brightness < 100)

    def _is_night(self, minute: int) -> bool:
        if self.night is None:
            return False
        start, end = (_minutes(time) for time in self.night.split("-"))
        return (minute - start) % DAY_MIN < (end - start) % DAY_MIN


def _minutes(time: str) -> int:
    hours, _, minutes = time.partition(":")
    return int(hours) * 60 + int(minutes)


def blinks(programme: Programme) -> str:
    """The code of a failure as a person counts it: "1 long, 2 short"; "" if it is none."""
    lit = [step.ms >= LONG_MS for step in programme.steps if step.level and not step.glides]
    if programme.is_steady or len(lit) < 2:
        return ""
    counts = {"long": sum(lit), "short": len(lit) - sum(lit)}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def markdown_table() -> str:
    """The README's table of the lights."""
    rows = ["| light | it means | name |", "|---|---|---|"]
    for name, light in LIGHTS.items():
        code = blinks(parse(light))
        seen = f"{light.split()[0]}: {code}" if code else light
        rows.append(f"| {seen} | {MEANINGS[name]} | `{name}` |")
    return "\n".join(rows) + "\n"
