"""The rule of safe mode, and what counts as a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice.crashes import (
    CRASHES,
    GOOD_S,
    LOOP,
    SAFE_S,
    WINDOW_S,
    Crash,
    CrashFile,
    Probation,
    fault,
    is_loop,
)
from pi_voice.errors import EXIT_CONFIG, EXIT_TAKEN

DIED = {"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": "1"}
STOPPED = {"SERVICE_RESULT": "success", "EXIT_CODE": "killed", "EXIT_STATUS": "TERM"}


def crashes(*times_s: float) -> list[Crash]:
    return [Crash(at_s, "ended with status 1") for at_s in times_s]


@pytest.mark.parametrize(
    ("times_s", "now_s", "is_safe"),
    [
        ((), 0, False),
        ((10, 20), 30, False),
        ((10, 20, 30), 32, True),
        ((10, 20, 30, 40), 42, True),
        ((10, 20, 30), 10 + WINDOW_S, True),
        ((10, 20, 30), 11 + WINDOW_S, False),
        ((900, 910, 920), 5, False),  # of the time before a power cut
    ],
)
def test_three_crashes_in_five_minutes_are_a_loop(
    times_s: tuple[float, ...], now_s: float, *, is_safe: bool
) -> None:
    assert is_loop(crashes(*times_s), now_s) is is_safe


@pytest.mark.parametrize(
    ("result", "status", "told"),
    [
        ("exit-code", "1", "ended with status 1"),
        ("signal", "SEGV", "was ended by SIGSEGV"),
        ("core-dump", "ABRT", "was ended by SIGABRT"),
        ("oom-kill", "KILL", "took more memory than there is"),
        ("watchdog", "ABRT", "gave no sign of life to systemd"),
        ("timeout", "TERM", "took too long to start or to end"),
        ("protocol", "0", "ended without a word to systemd"),
        ("success", "TERM", ""),
        ("exit-code", str(EXIT_CONFIG), ""),
        ("exit-code", str(EXIT_TAKEN), ""),
        ("exit-code", "216", ""),  # systemd found no group of that name
        ("exit-code", "216/GROUP", ""),
        ("resources", "", ""),
        ("", "", ""),
    ],
)
def test_what_systemd_saw_is_a_crash_only_if_safe_mode_may_mend_it(
    result: str, status: str, told: str
) -> None:
    assert fault({"SERVICE_RESULT": result, "EXIT_STATUS": status}) == told


def test_outside_systemd_nothing_is_a_crash(tmp_path: Path) -> None:
    CrashFile(tmp_path).take_in({}, 5.0)
    assert not list(tmp_path.iterdir())


def test_crashes_are_counted_from_one_process_to_the_next(tmp_path: Path) -> None:
    for at_s in (10.0, 20.0, 30.0):
        CrashFile(tmp_path).take_in(DIED, at_s)
    assert CrashFile(tmp_path).load() == crashes(10.0, 20.0, 30.0)
    assert is_loop(CrashFile(tmp_path).load(), 32.0)


def test_the_file_never_grows_and_holds_what_counts(tmp_path: Path) -> None:
    kept = CrashFile(tmp_path)
    for at_s in range(0, 1000, 10):
        kept.note("ended with status 1", float(at_s))
    assert len(kept.load()) == LOOP
    kept.note("ended with status 1", 1000.0 + WINDOW_S)
    assert kept.load() == crashes(1000.0 + WINDOW_S)
    assert [path.name for path in tmp_path.iterdir()] == [CRASHES]


def test_who_stops_or_restarts_the_service_begins_anew(tmp_path: Path) -> None:
    kept = CrashFile(tmp_path)
    for at_s in (10.0, 20.0, 30.0):
        kept.take_in(DIED, at_s)
    kept.take_in(STOPPED, 40.0)
    assert kept.load() == []
    assert not list(tmp_path.iterdir())
    kept.take_in(STOPPED, 50.0)  # there was nothing to forget


def test_a_wrong_configuration_neither_counts_nor_forgets(tmp_path: Path) -> None:
    kept = CrashFile(tmp_path)
    kept.take_in(DIED, 10.0)
    kept.take_in({**DIED, "EXIT_STATUS": str(EXIT_CONFIG)}, 20.0)
    assert kept.load() == crashes(10.0)


@pytest.mark.parametrize("text", ["", "{", "7", "[7]", '[{"at_s": "x", "how": ""}]', "[{}]", "\0"])
def test_a_damaged_file_holds_no_crash_and_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / CRASHES).write_text(text)
    kept = CrashFile(tmp_path)
    assert kept.load() == []
    kept.note("ended with status 1", 10.0)
    assert kept.load() == crashes(10.0)


def test_a_folder_that_takes_nothing_does_no_harm(tmp_path: Path) -> None:
    kept = CrashFile(tmp_path / "nowhere")
    kept.note("ended with status 1", 10.0)
    kept.forget()
    assert kept.load() == []


# -- a run


def lived(*ages_s: float, is_safe_mode: bool, idle_from_s: float = 0.0) -> list[str]:
    """What is decided about a run that is looked at when it is so old."""
    decided: list[str] = []
    run = Probation(
        lambda: decided.append("good"), lambda: decided.append("over"), is_safe_mode=is_safe_mode
    )
    for age_s in (0.0, *ages_s):
        run.look(1000.0 + age_s, is_idle=age_s >= idle_from_s)
    return decided


def test_a_run_is_good_after_a_minute_and_that_is_said_once() -> None:
    assert lived(GOOD_S - 1, is_safe_mode=False) == []
    assert lived(GOOD_S, GOOD_S + 5, 2 * SAFE_S, is_safe_mode=False) == ["good"]


def test_safe_mode_is_over_after_an_hour() -> None:
    assert lived(GOOD_S, SAFE_S - 1, is_safe_mode=True) == ["good"]
    assert lived(GOOD_S, SAFE_S, is_safe_mode=True) == ["good", "over"]


def test_safe_mode_lasts_while_somebody_talks() -> None:
    ages_s = (GOOD_S, SAFE_S, SAFE_S + 5, SAFE_S + 10)
    assert lived(*ages_s, is_safe_mode=True, idle_from_s=SAFE_S + 10) == ["good", "over"]
