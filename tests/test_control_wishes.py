from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pi_voice import control_wishes
from pi_voice.control_wire import Request, Verb
from pi_voice.control_wishes import Access, Wishes
from pi_voice.core.events import Cue, Event, Say, Wish
from pi_voice.status import NOT_KEPT, Finding, Status

NO_SPEAKER = Finding("no_speaker", "the speaker is gone", "Check its cable")
ONLINE = Status("idle", False, "closed", "online")
MUTED = Status("muted", True, "closed", "online")


class StubbornBox:
    """A box in a state of its own that does nothing it is asked for."""

    def __init__(self, now: Status) -> None:
        self.now = now
        self.asked: list[Event] = []

    def wishes(self) -> Wishes:
        return Wishes(Access(self.asked.append, lambda: self.now, remote_unmute=True))


async def test_a_mute_that_the_disk_does_not_keep_in_time_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control_wishes, "EFFECT_S", 0.1)
    box = StubbornBox(Status("muted", True, "closed", "online", mute_kept=False))
    assert await box.wishes().fulfil(Request(Verb.MUTE)) == (
        True,
        "muted: the microphone is closed; the disk is slow to keep it",
    )


async def test_a_mute_that_a_power_cut_would_end_says_so() -> None:
    lost = Finding(NOT_KEPT, "what is muted and spent would not outlive a power cut (full)")
    now = Status("muted", True, "closed", "online", findings=(lost,))
    wishes = Wishes(Access(lambda _: None, lambda: now))
    assert await wishes.fulfil(Request(Verb.MUTE)) == (
        True,
        "muted: the microphone is closed; but what is muted and spent would not outlive a power "
        "cut (full)",
    )


async def test_an_unmute_that_the_disk_does_not_keep_in_time_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control_wishes, "EFFECT_S", 0.1)
    asked: list[Event] = []

    def status() -> Status:
        return Status("idle", not asked, "closed", "online", mute_kept=not asked)

    wishes = Wishes(Access(asked.append, status, remote_unmute=True))
    assert await wishes.fulfil(Request(Verb.UNMUTE)) == (
        True,
        "unmuted: the box hears you again when a turn begins; the disk is slow to keep it",
    )


async def test_a_lost_microphone_is_told_where_nothing_is_muted() -> None:
    lost = Status("no_microphone", False, "lost", "online", microphone_reason="'usb' not found")
    assert await StubbornBox(lost).wishes().fulfil(Request(Verb.UNMUTE)) == (
        True,
        "not muted: the microphone is lost: 'usb' not found",
    )


async def test_an_unmuted_box_does_not_hear_with_a_lost_microphone() -> None:
    asked: list[Event] = []

    def status() -> Status:
        return Status("muted", not asked, "lost" if asked else "closed", "online")

    wishes = Wishes(Access(asked.append, status, remote_unmute=True))
    assert await wishes.fulfil(Request(Verb.UNMUTE)) == (
        True,
        "unmuted, but the microphone is lost",
    )


@pytest.mark.parametrize(
    ("verb", "now", "text"),
    [
        (
            Verb.SAY,
            Status("no_network", False, "closed", "failing", trouble="no_network"),
            "the box cannot say it, because only the service can speak: no network",
        ),
        (
            Verb.SAY,
            Status("no_speaker", False, "closed", "online", findings=(NO_SPEAKER,)),
            "the box cannot say it: the speaker is gone. Check its cable",
        ),
        (
            Verb.SAY,
            Status("listening", False, "open", "online", turn="listening"),
            "somebody talks to the box; try again",
        ),
        (
            Verb.UNMUTE,
            Status("muted", True, "closed", "online", switched_off=True),
            "the mute switch at the box is closed; only it can unmute",
        ),
    ],
)
async def test_what_cannot_be_is_refused_and_not_asked_for(
    verb: Verb, now: Status, text: str
) -> None:
    box = StubbornBox(now)
    assert await box.wishes().fulfil(Request(verb, "x")) == (False, text)
    assert box.asked == []


@pytest.mark.parametrize(
    ("verb", "now"),
    [
        (Verb.MUTE, Status("idle", False, "open", "online")),
        (Verb.UNMUTE, Status("muted", True, "closed", "online")),
        (Verb.INTERRUPT, Status("speaking", False, "closed", "online", turn="speaking")),
    ],
)
async def test_a_wish_without_effect_is_told_as_such(
    verb: Verb, now: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_wishes, "EFFECT_S", 0.1)
    box = StubbornBox(now)
    ok, text = await box.wishes().fulfil(Request(verb))
    assert not ok
    assert text.endswith("look why: pi-voice logs")
    (cue,) = box.asked
    assert isinstance(cue, Cue)
    assert (cue.wish, cue.local) == (Wish(verb), False)


@pytest.mark.parametrize(
    ("remote_unmute", "way_back"),
    [
        (True, "; no button of this box unmutes, but pi-voice unmute does"),
        (
            False,
            "; no button of this box unmutes, and pi-voice unmute only with [privacy] "
            "remote_unmute = true",
        ),
    ],
)
@pytest.mark.parametrize("mute_kept", [True, False])
async def test_a_mute_that_no_hand_can_end_says_what_can(
    remote_unmute: bool, way_back: str, mute_kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_wishes, "EFFECT_S", 0.1)
    now = replace(MUTED, mute_kept=mute_kept)
    access = Access(lambda _: None, lambda: now, remote_unmute=remote_unmute, hand_unmutes=False)
    ok, text = await Wishes(access).fulfil(Request(Verb.MUTE))
    assert ok
    assert text.endswith(way_back)


async def test_an_unmute_at_a_box_without_a_button_names_none() -> None:
    access = Access(lambda _: None, lambda: MUTED, hand_unmutes=False)
    assert await Wishes(access).fulfil(Request(Verb.UNMUTE)) == (
        False,
        "no button of this box unmutes; to allow it here, set [privacy] remote_unmute = true, "
        "then: sudo systemctl restart pi-voice",
    )


class Talker:
    """A box that goes through these states, one at each look, once it was asked to speak."""

    def __init__(self, before: Status, *after: Status) -> None:
        self._now = before
        self._after: Iterator[Status] = iter(after)
        self.asked: list[Event] = []

    def status(self) -> Status:
        if self.asked:
            self._now = next(self._after, self._now)
        return self._now

    async def says(self) -> tuple[bool, str]:
        return await Wishes(Access(self.asked.append, self.status)).fulfil(Request(Verb.SAY, "x"))


SPEAKING = replace(ONLINE, turn="speaking")
ASLEEP = replace(ONLINE, connection="asleep")
WAVERING = replace(MUTED, connection="wavering")
AWAY = replace(
    MUTED, connection="failing", trouble="no_network", connection_reason="there is no way to it"
)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_wishes, "EFFECT_S", 0.1)
    monkeypatch.setattr(control_wishes, "SPEAKS_S", 0.1)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    "box",
    [
        Talker(ONLINE, ONLINE, SPEAKING),
        Talker(ASLEEP, ASLEEP, WAVERING, ONLINE, SPEAKING),
        Talker(SPEAKING, SPEAKING, ONLINE, SPEAKING),  # the first is another reply
    ],
    ids=["at once", "asleep", "over a reply"],
)
async def test_a_text_is_said_when_it_is_heard(box: Talker) -> None:
    assert await box.says() == (True, "the box says it")
    assert box.asked == [Say("x")]


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    ("box", "told"),
    [
        (
            Talker(replace(ASLEEP, muted=True), WAVERING, WAVERING, AWAY, AWAY, MUTED),
            "the box cannot say it, because only the service can speak: there is no way to it",
        ),
        (
            Talker(ONLINE, replace(SPEAKING, findings=(NO_SPEAKER,))),
            "the box cannot say it: the speaker is gone. Check its cable",
        ),
        (Talker(ONLINE, replace(ONLINE, turn="listening")), "somebody talks to the box; try again"),
        (
            Talker(ONLINE),
            "the box was asked, and says nothing for 0.1 s; look why: pi-voice status",
        ),
    ],
    ids=["muted and without network", "without a speaker", "over somebody", "a mute service"],
)
async def test_a_text_that_is_not_heard_is_not_said(box: Talker, told: str) -> None:
    assert await box.says() == (False, told)
    assert box.asked == [Say("x")]
