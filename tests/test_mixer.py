from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_voice.audio.mixer import CONTROLS, CardVolume, Control, Span, choose, gain, level_db

PERCENT = st.integers(0, 100)
SPANS = st.builds(Span, st.floats(-120, -1), st.floats(0, 12))
BCM2835 = Span(-102.39, 4.0)


@dataclass
class FakeControl:
    name: str
    span_db: Span | None = field(default_factory=lambda: Span(-60, 0))
    span: Span = field(default_factory=lambda: Span(0, 200))
    db: float | None = None
    step: float | None = None
    is_on: bool = False
    fault: OSError | None = None

    def set_db(self, level_db: float) -> None:
        if self.fault is not None:
            raise self.fault
        self.db = level_db

    def set_step(self, step: float) -> None:
        self.step = step

    def switch_on(self) -> None:
        self.is_on = True


class FakeMixer:
    """The cards of a machine, and which were asked for."""

    def __init__(self, **cards: Sequence[Control]) -> None:
        self.cards = {name.replace("_", ":"): controls for name, controls in cards.items()}
        self.opened: list[str] = []
        self.is_open = False

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[Sequence[Control]]:
        self.opened.append(name)
        if name not in self.cards:
            raise FileNotFoundError(2, "No such file or directory")
        self.is_open = True
        try:
            yield self.cards[name]
        finally:
            self.is_open = False


# -- the scale


def test_the_scale_is_the_cube() -> None:
    assert (gain(0), gain(100)) == (0.0, 1.0)
    assert 20 * math.log10(gain(50)) == pytest.approx(-18, abs=0.1)
    assert 20 * math.log10(gain(80)) == pytest.approx(-6, abs=0.2)


@given(PERCENT, SPANS)
def test_a_level_is_within_the_control_and_rises_with_the_percentage(
    percent: int, span: Span
) -> None:
    level = level_db(percent, span)
    assert span.low - 1e-9 <= level <= span.high + 1e-9
    assert level_db(percent + 1, span) > level
    assert level_db(0, span) == pytest.approx(span.low)
    assert level_db(100, span) == pytest.approx(span.high)


@given(st.integers(30, 100))
def test_a_card_and_the_samples_are_turned_down_alike(percent: int) -> None:
    wide = Span(-120, 0)
    assert level_db(percent, wide) == pytest.approx(20 * math.log10(gain(percent)), abs=1)


def test_a_control_that_can_be_silent_goes_down_to_silence() -> None:
    silent = Span(-math.inf, 0)
    assert level_db(0, silent) == -math.inf
    assert level_db(50, silent) == pytest.approx(-18.06, abs=0.01)


def test_the_percentage_is_the_one_that_alsamixer_shows() -> None:
    assert level_db(86, BCM2835) == pytest.approx(0.1, abs=0.1)  # as on the Pi's own socket
    assert level_db(50, Span(-20, 0)) == -10  # a span as small as this is even


# -- the choice


def test_the_widest_control_is_chosen_and_the_first_of_a_name() -> None:
    controls = [FakeControl("PCM"), FakeControl("Speaker"), FakeControl("Speaker")]
    assert choose(controls, "auto") is controls[1]
    assert choose(controls, "PCM") is controls[0]
    assert choose(controls, "Master") is None


def test_the_only_control_is_the_one_whatever_its_name() -> None:
    only = FakeControl("Lautsprecher")
    assert choose([only], "auto") is only
    assert choose([only, FakeControl("Bass")], "auto") is None
    assert choose([], "auto") is None
    assert choose([only], "Speaker") is None


@pytest.mark.parametrize("name", CONTROLS)
def test_every_known_name_is_found_among_others(name: str) -> None:
    others = [FakeControl("Bass"), FakeControl("Treble"), found := FakeControl(name)]
    assert choose(others, "auto") is found


# -- the card


def test_the_card_is_turned_to_the_volume_and_on_and_the_samples_are_left_alone() -> None:
    mixer = FakeMixer(hw_1=[speaker := FakeControl("Speaker"), other := FakeControl("Bass")])
    volume = CardVolume(80, "auto", mixer)
    assert volume.set(1, "USB Audio: - (hw:1,0)") == volume.left == 1.0
    assert mixer.opened == ["hw:1"]
    assert not mixer.is_open
    assert speaker.db == pytest.approx(level_db(80, Span(-60, 0)))
    assert speaker.is_on
    assert (other.db, other.is_on) == (None, False)


def test_a_card_that_knows_no_decibels_is_turned_by_its_steps() -> None:
    control = FakeControl("PCM", span_db=None, span=Span(10, 110))
    assert CardVolume(80, "auto", FakeMixer(hw_0=[control])).set(0, "default") == 1.0
    assert (control.db, control.step) == (None, 90)


def test_nothing_is_heard_at_zero_even_if_the_lowest_step_could_be() -> None:
    volume = CardVolume(0, "auto", FakeMixer(hw_0=[FakeControl("PCM")]))
    assert volume.set(0, "default") == 0.0


def test_what_the_card_cannot_do_is_left_to_the_samples(caplog: pytest.LogCaptureFixture) -> None:
    broken = FakeControl("PCM", fault=OSError(5, "Input/output error"))
    mixer = FakeMixer(hw_0=[], hw_1=[broken], pulse=[FakeControl("Master")])
    volume = CardVolume(50, "auto", mixer)
    assert [volume.set(card, "pulse") for card in (0, 1, 2, None)] == [gain(50)] * 4
    assert mixer.opened == ["hw:0", "hw:1", "hw:2"]  # a sound server is not only ours
    assert caplog.records == []
    assert volume.left == gain(50)


def test_no_control_is_touched_if_none_is_wanted() -> None:
    mixer = FakeMixer(hw_0=[FakeControl("PCM")])
    assert CardVolume(50, "none", mixer).set(0, "default") == gain(50)
    assert mixer.opened == []


def test_a_sound_server_is_turned_if_its_control_is_named() -> None:
    mixer = FakeMixer(default=[master := FakeControl("Master")])
    assert CardVolume(50, "Master", mixer).set(None, "default") == 1.0
    assert master.is_on


def test_a_control_that_is_not_there_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    mixer = FakeMixer(hw_1=[FakeControl("Speaker"), FakeControl("Bass")], hw_2=[])
    volume = CardVolume(50, "Speeker", mixer)
    assert [volume.set(1, ""), volume.set(1, "")] == [gain(50)] * 2
    volume.set(2, "")
    volume.set(3, "")
    end = 'the volume is set in software. Set [audio] mixer = "auto", or a name'
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        f"hw:1 has no volume control 'Speeker'; it has: 'Speaker', 'Bass'; {end}",
        f"hw:2 has no volume control 'Speeker'; it has: none; {end}",
        f"the volume control of hw:3 cannot be used (No such file or directory); {end}",
    ]
