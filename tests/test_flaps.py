from __future__ import annotations

import logging

import pytest

from pi_voice.audio.flaps import CALM_S, LINES, FlapLog


def life(caplog: pytest.LogCaptureFixture, *losses_s: float) -> list[str]:
    """What is told of losses at these times, each followed by a return."""
    caplog.clear()
    log = FlapLog(logging.getLogger("pi_voice.test_flaps"))
    with caplog.at_level(logging.INFO):
        for at_s in losses_s:
            log.lost("it went", at_s)
            log.found("it is back")
    return caplog.messages


def test_a_card_that_is_pulled_out_once_in_a_while_is_told_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = life(caplog, *(number * CALM_S for number in range(20)))
    assert told == ["it went", "it is back"] * 20


def test_a_card_that_comes_and_goes_is_told_a_few_times_and_then_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    often = [2.0 * number for number in range(round(CALM_S / 2))]
    told = life(caplog, *often, often[LINES - 1] + CALM_S)
    assert told == [
        *["it went", "it is back"] * (LINES - 1),
        "it went; it comes and goes: no more of this for 10 min",
        "it is back",
        f"it went (as {len(often) - LINES} times before, untold)",
        "it is back",
    ]


def test_the_last_line_keeps_what_it_promises(caplog: pytest.LogCaptureFixture) -> None:
    last_s = CALM_S - 1
    told = life(caplog, 0.0, *[last_s] * (LINES - 1), CALM_S + 1, last_s + CALM_S)
    assert told[2 * LINES - 2 :] == [
        "it went; it comes and goes: no more of this for 10 min",
        "it is back",
        "it went (as 1 times before, untold)",
        "it is back",
    ]


def test_what_is_not_told_is_there_for_who_looks_closer(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        log = FlapLog(logging.getLogger("pi_voice.test_flaps"))
        for number in range(50):
            log.lost("it went", float(number))
            log.found("it is back")
    assert len(caplog.records) == 100
