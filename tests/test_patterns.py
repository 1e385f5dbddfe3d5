from __future__ import annotations

from itertools import combinations, groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_voice.config import checks
from pi_voice.core.actions import Pattern
from pi_voice.core.failures import Failure
from pi_voice.hardware.patterns import (
    COLOURS,
    FAINT,
    GLIDE_MS,
    LIGHTS,
    LONG_MS,
    MEANINGS,
    Look,
    Programme,
    alone,
    blinks,
    evaluate,
    markdown_table,
    parse,
    rgb,
    squared,
    until_change_ms,
)

PAIRS = list(combinations(Pattern, 2))
PATTERNS = st.sampled_from(Pattern)


def flashes(programme: Programme) -> list[tuple[bool, float]]:
    """The rhythm of one cycle on a light that is on or off, as spans of light and dark."""
    steps = [(step.level > 0.5, step.ms) for step in squared(programme).steps]
    spans = [(on, sum(ms for _, ms in run)) for on, run in groupby(steps, key=lambda step: step[0])]
    if len(spans) > 1 and spans[0][0] is spans[-1][0]:  # the cycle begins in mid-span
        spans = [(spans[0][0], spans[0][1] + spans.pop()[1]), *spans[1:]]
    return spans


def word(programme: Programme) -> str:
    """The blinks of one cycle as a person counts them, from the longest pause on."""
    spans = flashes(programme)
    darkest = max(range(len(spans)), key=lambda number: not spans[number][0] and spans[number][1])
    ordered = spans[darkest + 1 :] + spans[: darkest + 1]
    return "".join("-" if ms >= LONG_MS else "." for on, ms in ordered if on)


def looks_different(one: Programme, other: Programme) -> bool:
    """A person who sees no colours can tell two lights apart."""
    first, second = flashes(one), flashes(other)
    periods = sorted(program.cycle_ms for program in (one, other))
    lit = [sum(ms for on, ms in spans if on) / sum(ms for _, ms in spans)
           for spans in (first, second)]  # fmt: skip
    return (
        word(one) != word(other)
        or len(first) != len(second)
        or periods[1] >= 1.6 * periods[0]
        or abs(lit[0] - lit[1]) > 0.3
    )


def test_every_pattern_has_a_light_and_a_meaning() -> None:
    assert list(LIGHTS) == list(Pattern)
    assert list(MEANINGS) == list(Pattern)


def test_every_failure_has_a_count_of_its_own() -> None:
    words = {failure: word(parse(LIGHTS[Pattern(failure)])) for failure in Failure}
    assert len(set(words.values())) == len(Failure)
    assert all(len(code) >= 2 and code == "".join(sorted(code)) for code in words.values())


@pytest.mark.parametrize("failure", Failure)
def test_a_failure_blinks_slowly_enough_to_be_counted_and_then_pauses(failure: Failure) -> None:
    *blinking, pause = parse(LIGHTS[Pattern(failure)]).steps
    starts_ms = [on.ms + off.ms for on, off in zip(blinking[:-1:2], blinking[1::2], strict=True)]
    assert min(starts_ms) >= 1000 / 3  # three flashes a second are the most that harm nobody
    assert pause.ms >= 4 * max(step.ms for step in blinking if not step.level)


def test_a_count_is_told_in_words() -> None:
    assert blinks(parse(LIGHTS[Pattern.NO_SPEAKER])) == "1 long, 3 short"
    assert blinks(parse(LIGHTS[Pattern.NO_NETWORK])) == "2 short"
    assert [blinks(parse(text)) for text in ("red solid", "red pulse", "red blink", "off")] == [
        ""
    ] * 4


@pytest.mark.parametrize("pattern", Pattern)
def test_every_light_is_written_as_the_configuration_wants_it(pattern: Pattern) -> None:
    assert checks.light(LIGHTS[pattern]) == ""


def test_colours_are_those_that_the_configuration_knows() -> None:
    assert tuple(COLOURS) == checks.COLOURS


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_patterns_differ_without_colours(one: Pattern, other: Pattern) -> None:
    assert looks_different(parse(LIGHTS[one]), parse(LIGHTS[other]))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_patterns_differ_on_the_only_light_of_a_closed_microphone(
    one: Pattern, other: Pattern
) -> None:
    look = Look()
    lights = [alone(look.programme(name), mic_is_open=False) for name in (one, other)]
    assert looks_different(*lights)


@given(PATTERNS, st.sampled_from(["", "off", "red solid", "#102030 pulse 300", "blue blink"]))
def test_the_only_light_is_steady_while_the_microphone_is_open_and_only_then(
    pattern: Pattern, own: str
) -> None:
    programme = Look({pattern: own} if own else {}).programme(pattern)
    shown = alone(programme, mic_is_open=True)
    assert {evaluate(shown, t_ms).level for t_ms in range(0, 5000, 7)} == {1.0}
    shown = alone(programme, mic_is_open=False)
    assert min(evaluate(shown, t_ms).level for t_ms in range(0, 12_000, 7)) <= FAINT


def test_a_blink_is_on_and_off_for_its_times() -> None:
    programme = parse("red blink 100 200 300 400")
    levels = [evaluate(programme, t_ms).level for t_ms in (0, 99, 100, 299, 300, 599, 600, 999)]
    assert levels == [1, 1, 0, 0, 1, 1, 0, 0]
    assert evaluate(programme, 1000).level == 1
    assert [until_change_ms(programme, t_ms) for t_ms in (0, 50, 100, 650)] == [100, 50, 200, 350]


def test_a_pulse_glides_up_and_down() -> None:
    programme = parse("blue pulse 1000")
    levels = [evaluate(programme, t_ms).level for t_ms in (0, 250, 500, 750)]
    assert levels == pytest.approx([FAINT, (1 + FAINT) / 2, 1, (1 + FAINT) / 2])
    assert until_change_ms(programme, 0) == GLIDE_MS
    assert until_change_ms(programme, 490) == pytest.approx(10)


def test_a_steady_light_never_wakes_anybody() -> None:
    assert until_change_ms(parse("green solid"), 123) == float("inf")
    assert until_change_ms(parse("off"), 123) == float("inf")
    assert evaluate(parse("off"), 5).level == 0


def test_an_idle_box_wakes_at_most_once_a_second() -> None:
    for pattern in (Pattern.IDLE, Pattern.ASLEEP, Pattern.MUTED):
        programme = parse(LIGHTS[pattern])
        assert len(programme.steps) / (programme.cycle_ms / 1000) <= 1


def test_times_may_be_left_out() -> None:
    assert parse("blue blink") == parse("blue blink 500 500")
    assert parse("blue pulse") == parse("blue pulse 2000")


def test_a_colour_is_a_name_or_six_digits() -> None:
    assert rgb("white") == (1, 1, 1)
    assert rgb("#ff0080") == (1, 0, 128 / 255)
    light = evaluate(parse("#ff0080 solid"), 0)
    assert (light.level, light.red, light.green) == (1, 1, 0)


def test_a_pulse_is_an_even_blink_where_there_is_no_dimming() -> None:
    assert flashes(parse("blue pulse 1000")) == [(False, 500), (True, 500)]


def test_an_own_light_replaces_that_of_the_table() -> None:
    look = Look({Pattern.IDLE: "off"})
    assert look.programme(Pattern.IDLE) == parse("off")
    assert look.programme(Pattern.MUTED) == parse(LIGHTS[Pattern.MUTED])


@pytest.mark.parametrize(
    ("night", "dimmed"),
    [
        ("22:00-07:00", {1320, 1439, 0, 89, 90, 119, 120, 300, 419}),
        ("01:30-02:00", {90, 119}),
        (None, set()),
        ("05:00-05:00", set()),
    ],
)
def test_the_night_dims(night: str | None, dimmed: set[int]) -> None:
    look = Look(brightness=80, night=night, night_brightness=20)
    asked = {0, 89, 90, 119, 120, 300, 419, 420, 1319, 1320, 1439}
    assert {minute for minute in asked if look.dimming(minute) == 0.2} == dimmed
    assert {look.dimming(minute) for minute in asked} <= {0.2, 0.8}


def test_a_look_knows_whether_it_ever_dims() -> None:
    assert not Look().is_dimmed
    assert Look(brightness=50).is_dimmed
    assert Look(night="22:00-07:00").is_dimmed
    assert not Look(night="22:00-07:00", night_brightness=100).is_dimmed


@given(PATTERNS, st.floats(0, 1e9))
def test_every_moment_has_a_light_and_a_next_change(pattern: Pattern, t_ms: float) -> None:
    programme = parse(LIGHTS[pattern])
    light = evaluate(programme, t_ms)
    assert all(0 <= part <= 1 for part in (light.level, light.red, light.green, light.blue))
    assert max(light.red, light.green, light.blue) <= light.level
    assert until_change_ms(programme, t_ms) > 0


def test_the_table_of_the_readme_has_every_pattern() -> None:
    table = markdown_table()
    assert all(f"| `{pattern}` |" in table for pattern in Pattern)
