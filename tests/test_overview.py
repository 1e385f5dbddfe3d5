from __future__ import annotations

import os

import pytest

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Pattern
from pi_voice.core.activation import PushToTalk
from pi_voice.core.buttons import Bindings
from pi_voice.core.device import Device
from pi_voice.core.events import Cue, Event, Wish
from pi_voice.core.failures import Failure
from pi_voice.core.rules import Rules
from pi_voice.health import Health
from pi_voice.hints import HINTS
from pi_voice.overview import AGAIN_S, Overview
from pi_voice.status import NOT_KEPT, Finding
from tests.histories import DOWN, REFUSED, UP, press

MUTE = Cue(Wish.MUTE, 0.0)


class Watched:
    """A device with its overview, as the daemon drives both."""

    def __init__(self, device: Device | None = None, *, safe_mode: str = "") -> None:
        self.device = device or Device(PushToTalk())
        self.health = Health()
        self.trouble = ""
        self.gaps = {"microphone": 0, "speaker": 0}
        self.lacking: tuple[Finding, ...] = ()
        self.overview = Overview(
            self.device,
            self.health,
            lambda: {"day_s": 3.0},
            "kitchen",
            disk=lambda: self.trouble,
            gaps=lambda: self.gaps,
            safe_mode=safe_mode,
            lacks=lambda: self.lacking,
        )
        self.now_s = 100.0
        self.post(ev.Started(muted=False))

    def post(self, *events: Event) -> None:
        for event in events:
            actions = self.device.handle(event)
            self.health(event, actions, self.now_s)
            self.overview(event, actions, self.now_s)


def test_a_box_that_works_has_nothing_to_complain() -> None:
    box = Watched()
    box.post(UP)
    told = box.overview.status(160.0)
    assert (told.state, told.connection, told.turn) == ("idle", "online", "idle")
    assert (told.findings, told.trouble, told.connection_reason) == ((), "", "")
    assert (told.name, told.pid, told.uptime_s) == ("kitchen", os.getpid(), 60.0)
    assert told.spent == {"day_s": 3.0}
    assert box.overview.line() == "idle; connection online"


def test_a_box_in_safe_mode_says_so_and_why_and_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    safe = Device(PushToTalk(), Rules(safe_mode=True))
    box = Watched(safe, safe_mode="at last it was ended by SIGSEGV; it does without x")
    box.post(UP)
    told = box.overview.status(160.0)
    assert (told.state, told.trouble) == ("safe_mode", "")
    (found,) = told.findings
    assert (found.name, found.hint) == (Failure.SAFE_MODE, HINTS[Failure.SAFE_MODE].fix)
    assert found.text == (
        "the service crashed again and again, so it runs in safe mode: "
        "at last it was ended by SIGSEGV; it does without x"
    )
    assert box.overview.line() == "safe mode; connection online"
    assert caplog.text.count("safe_mode: ") == 1


def test_what_a_press_would_meet_is_told_to_who_asks_and_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def told() -> list[tuple[str, str]]:
        return [(one.name, one.text) for one in box.overview.status(160.0).findings]

    box = Watched()
    box.lacking = (Finding("no_microphone", "not found"), Finding("no_button", "no such pin"))
    box.post(UP)
    assert told() == [("no_microphone", "not found"), ("no_button", "no such pin")]
    assert not caplog.messages
    box.post(press(1.0), ev.MicLost("it went"))
    assert told() == [
        ("no_microphone", HINTS[Failure.NO_MICROPHONE].fact),
        ("no_button", "no such pin"),
    ]
    box.post(ev.MicOpened())
    assert told() == [("no_button", "no such pin")]
    box.lacking = ()
    assert told() == []


def test_lost_sound_is_counted_where_there_was_some() -> None:
    box = Watched()
    assert not box.overview.status(160.0).more
    box.gaps["speaker"] = 3
    assert box.overview.status(160.0).more == {"speaker_gaps": 3}


def test_it_tells_since_when() -> None:
    box = Watched()
    box.now_s = 110.0
    box.post(UP)
    box.now_s = 150.0
    box.post(MUTE)
    told = box.overview.status(160.0)
    assert (told.state, told.state_s, told.connection_s) == ("muted", 10.0, 50.0)


@pytest.mark.parametrize(
    ("events", "finding"),
    [
        ([ev.MicLost("the card is gone")], "no_microphone"),
        ([ev.SpeakerLost("the card is gone")], "no_speaker"),
        ([REFUSED], "key_refused"),
        ([ev.BudgetChanged("the day")], "budget_spent"),
    ],
)
def test_every_trouble_is_told_with_what_helps(events: list[Event], finding: str) -> None:
    box = Watched()
    box.post(UP, *events)
    (found,) = box.overview.status(160.0).findings
    assert found.name == finding
    assert found.text
    assert found.hint


def test_it_tells_why_a_part_is_away_and_forgets_it_when_it_is_back() -> None:
    box = Watched()
    box.post(UP, ev.MicLost("the card is gone"), DOWN)
    told = box.overview.status(160.0)
    assert (told.microphone, told.microphone_reason) == ("lost", "the card is gone")
    assert told.connection_reason == "no route"
    box.post(press(), ev.MicOpened(), UP)
    told = box.overview.status(160.0)
    assert (told.microphone, told.microphone_reason, told.connection_reason) == ("open", "", "")


def test_a_microphone_that_is_asked_for_counts_as_open() -> None:
    box = Watched()
    box.post(UP, press())
    assert box.overview.status(160.0).microphone == "open"


def test_a_closed_switch_is_told() -> None:
    box = Watched(Device(PushToTalk(), bindings=Bindings(has_switch=True)))
    told = box.overview.status(160.0)
    assert (told.muted, told.switched_off, told.state) == (True, True, "muted")


def test_what_only_health_sees_is_told_too() -> None:
    box = Watched()
    silence = ev.MicHeard((ev.MicFrame(bytes(960), 0.0, False),) * 500)
    box.post(UP, press(), ev.MicOpened(), silence)
    assert [found.name for found in box.overview.status(160.0).findings] == ["silent_microphone"]


def test_what_only_health_sees_is_logged_within_a_second_of_sound(
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = Watched()
    silence = ev.MicHeard((ev.MicFrame(bytes(960), 0.0, False),) * 25)
    box.post(UP, press(), ev.MicOpened())
    for half_seconds in range(24):
        box.now_s = 100.0 + half_seconds / 2
        box.post(silence)
    assert [line.split(":")[0] for line in caplog.messages] == ["silent_microphone"]


def test_the_state_is_what_the_light_shows() -> None:
    box = Watched()
    shown = Pattern.STARTING
    for event in (UP, press(), ev.MicOpened(), MUTE, DOWN, REFUSED, ev.Cue(Wish.UNMUTE, 0.0, True)):
        actions = box.device.handle(event)
        box.overview(event, actions, 0.0)
        shown = next((a.pattern for a in actions if isinstance(a, do.Show)), shown)
        assert box.overview.status(0.0).state == shown.value


def test_each_trouble_is_logged_when_it_begins_and_not_each_time_it_comes_and_goes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = Watched()
    for later_s in (0.0, 300.0, AGAIN_S):
        box.now_s = 100.0 + later_s
        box.post(UP, REFUSED, press(), ev.NetworkUp(), UP, REFUSED)
    lines = [line for line in caplog.messages if line.startswith("key_refused: ")]
    assert len(lines) == len(caplog.messages) == 2


def test_it_tells_whether_a_power_cut_would_unmute_the_box() -> None:
    box = Watched()
    box.post(UP, MUTE)
    assert not box.overview.status(160.0).mute_kept
    box.post(ev.Remembered())
    assert box.overview.status(160.0).mute_kept


def test_why_the_link_was_away_once_is_no_news() -> None:
    box = Watched()
    box.post(UP, DOWN, UP)
    assert box.overview.status(160.0).connection_reason == ""
    box.post(Cue(Wish.HANG_UP, 0.0), ev.Say("dinner"))
    told = box.overview.status(160.0)
    assert (told.connection, told.connection_reason) == ("wavering", "")
    box.post(DOWN, Cue(Wish.HANG_UP, 0.0))
    told = box.overview.status(160.0)
    assert (told.connection, told.connection_reason) == ("asleep", "")


def test_a_disk_that_keeps_nothing_is_told_with_what_helps(
    caplog: pytest.LogCaptureFixture,
) -> None:
    box = Watched()
    box.post(UP)
    box.trouble = "No space left on device"
    box.post(MUTE, ev.Remembered())
    (found,) = box.overview.status(160.0).findings
    assert found.name == NOT_KEPT
    assert found.text == (
        "what is muted and spent would not outlive a power cut (No space left on device)"
    )
    assert found.hint == "Make room, or make [device] state_dir writable"
    assert [text.partition(":")[0] for text in caplog.messages] == [NOT_KEPT]
    box.trouble = ""
    assert box.overview.status(160.0).findings == ()
