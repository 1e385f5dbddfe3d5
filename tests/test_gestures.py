from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_voice.core.actions import StartTimer, StopTimer
from pi_voice.core.activation import Press, Release
from pi_voice.core.events import ButtonEdge
from pi_voice.core.gestures import Contact, Gesture, Gestured, Gestures, Stuck, Timing, Touch

HOLD, TAP, DOUBLE, LONG = Gesture.HOLD, Gesture.TAP, Gesture.DOUBLE, Gesture.LONG


class Hand:
    """Presses a button at given times, and lets the timers run out in between."""

    def __init__(self, *used: Gesture) -> None:
        self.button = Gestures("talk", used)
        self.told: list[tuple[float, Touch]] = []
        self._timers: dict[str, float] = {}

    def play(self, edges: Iterable[ButtonEdge], *, stalled: bool = False) -> list[str]:
        """Hand over edges at their times, or, stalled, all of them before any timer."""
        for edge in edges:
            if not stalled:
                self._until(edge.at_s)
            self._take(edge.at_s, self.button.edge(edge))
        self._until(float("inf"))
        return self.words

    @property
    def words(self) -> list[str]:
        """What was told, without times: down, up, and the names of gestures."""
        names = {Press: "down", Release: "up", Stuck: "stuck"}
        return [
            touch.gesture.value if isinstance(touch, Gestured) else names[type(touch)]
            for _, touch in self.told
        ]

    def _until(self, now_s: float) -> None:
        while self._timers and min(self._timers.values()) < now_s:
            name = min(self._timers, key=self._timers.__getitem__)
            self._take(self._timers.pop(name), self.button.timer(name))

    def _take(self, now_s: float, touches: list[Touch]) -> None:
        for touch in touches:
            if isinstance(touch, StartTimer):
                self._timers[touch.name] = now_s + touch.after_ms / 1000
            elif isinstance(touch, StopTimer):
                self._timers.pop(touch.name, None)
            else:
                self.told.append((now_s, touch))


def presses(*spans_ms: tuple[int, int]) -> list[ButtonEdge]:
    """Clean presses, each from one time to another."""
    return [
        ButtonEdge(pressed=down, at_s=ms / 1000)
        for span in spans_ms
        for ms, down in zip(span, (True, False), strict=True)
    ]


def bounces(random: Random, at_s: float, *, pressed: bool, within_ms: float) -> list[ButtonEdge]:
    """One change of the contact as the line sees it: an odd number of edges."""
    count = 2 * random.randint(0, 10)
    times = sorted(random.uniform(0, within_ms / 1000) for _ in range(count))
    levels = [pressed if i % 2 == 0 else not pressed for i in range(count + 1)]
    return [
        ButtonEdge(pressed=level, at_s=at_s + after_s)
        for level, after_s in zip(levels, [0.0, *times], strict=True)
    ]


SHORT, SECOND, LENGTHY = (0, 120), (250, 350), (0, 2000)


@pytest.mark.parametrize(
    ("used", "spans", "words"),
    [
        ([HOLD], [SHORT], "down hold up"),
        ([HOLD], [LENGTHY], "down hold up"),
        ([HOLD], [SHORT, SECOND], "down hold up down hold up"),
        ([TAP], [SHORT], "down tap up"),
        ([TAP], [LENGTHY], "down tap up"),
        ([LONG], [SHORT], "down up"),
        ([LONG], [LENGTHY], "down long up"),
        ([DOUBLE], [SHORT], "down up"),
        ([DOUBLE], [SHORT, SECOND], "down up down up double"),
        ([], [SHORT, SECOND], "down up down up"),
        ([HOLD, TAP], [SHORT], "down up tap"),
        ([HOLD, TAP], [LENGTHY], "down hold up"),
        ([HOLD, TAP], [SHORT, SECOND], "down up tap down up tap"),
        ([HOLD, DOUBLE], [SHORT], "down up"),
        ([HOLD, DOUBLE], [SHORT, SECOND], "down up down up double"),
        ([HOLD, DOUBLE], [SHORT, (200, 900)], "down up down hold up"),
        ([HOLD, TAP, DOUBLE], [SHORT], "down up tap"),
        ([HOLD, TAP, DOUBLE], [SHORT, SECOND], "down up down up double"),
        ([HOLD, TAP, DOUBLE], [SHORT, (200, 900)], "down up down tap hold up"),
        ([HOLD, TAP, DOUBLE], [SHORT, (400, 550)], "down up down up double"),
        ([HOLD, TAP, DOUBLE], [SHORT, (500, 600)], "down up tap down up tap"),
        ([HOLD, TAP, DOUBLE], [SHORT, SECOND, (500, 550)], "down up down up double down up tap"),
        ([TAP, LONG], [SHORT], "down up tap"),
        ([TAP, LONG], [(0, 900)], "down up tap"),
        ([TAP, LONG], [LENGTHY], "down long up"),
        ([TAP, DOUBLE], [(0, 900)], "down up tap"),
        ([TAP, DOUBLE, LONG], [SHORT, SECOND], "down up down up double"),
    ],
)
@pytest.mark.parametrize("stalled", [False, True], ids=["", "timers come last"])
def test_presses_become_gestures(
    used: list[Gesture], spans: list[tuple[int, int]], words: str, stalled: bool
) -> None:
    assert Hand(*used).play(presses(*spans), stalled=stalled) == words.split()


def test_hold_begins_with_the_press_where_nothing_else_is_possible() -> None:
    hand = Hand(HOLD)
    hand.play(presses((1000, 1500)))
    assert hand.told[:2] == [(1.0, Press(1.0)), (1.0, Gestured(HOLD, 1.0))]


def test_hold_is_certain_at_the_end_of_a_tap_and_tells_when_it_began() -> None:
    hand = Hand(HOLD, TAP)
    hand.play(presses((1000, 1500)))
    assert hand.told[:2] == [(1.0, Press(1.0)), (1.2, Gestured(HOLD, 1.0))]


def test_a_bounce_is_ignored_and_the_first_edge_acts_at_once() -> None:
    hand = Hand(HOLD)
    hand.play(
        ButtonEdge(pressed=number % 2 == 0, at_s=ms / 1000)
        for number, ms in enumerate([0, 3, 4, 9, 11, 800, 802, 806])
    )
    assert [(now_s, type(touch)) for now_s, touch in hand.told] == [
        (0.0, Press),
        (0.0, Gestured),
        (0.8, Release),
    ]


def test_a_release_among_the_bounces_is_found_by_the_timer() -> None:
    contact = Contact("talk")
    assert contact.edge(ButtonEdge(pressed=True, at_s=1.0)) == [Press(1.0)]
    assert contact.edge(ButtonEdge(pressed=False, at_s=1.02)) == [StartTimer("talk.rest", 50.0)]
    assert contact.timer("other.rest") == []
    assert contact.timer("talk.rest") == [Release(1.02)]
    assert contact.timer("talk.rest") == []


def test_a_release_whose_timer_is_late_is_told_before_the_next_press() -> None:
    contact = Contact("talk")
    contact.edge(ButtonEdge(pressed=True, at_s=1.0))
    contact.edge(ButtonEdge(pressed=False, at_s=1.02))
    assert contact.edge(ButtonEdge(pressed=True, at_s=2.0)) == [Release(1.02), Press(2.0)]


def test_a_level_that_is_told_twice_is_one_press() -> None:
    edges = [ButtonEdge(True, 0.0), ButtonEdge(True, 0.25), ButtonEdge(False, 1.0)]
    assert Hand(HOLD).play(edges) == ["down", "hold", "up"]


@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_bouncing_presses_are_a_thousand(seed: int) -> None:
    random = Random(seed)
    edges: list[ButtonEdge] = []
    at_s = 1.0
    for _ in range(1000):
        for pressed in (True, False):
            edges += bounces(random, at_s, pressed=pressed, within_ms=15)
            at_s += random.uniform(0.06, 0.4)
    hand = Hand(HOLD)
    hand.play(edges)
    assert hand.words == ["down", "hold", "up"] * 1000
    assert all(now_s == touch.at_s for now_s, touch in hand.told if isinstance(touch, Press))


def test_a_thousand_presses_survive_lost_edges_where_the_level_is_read_again() -> None:
    random = Random(7)
    hand = Hand(HOLD)
    for number in range(1000):
        press, release = float(number), number + 0.3
        hand.play([ButtonEdge(pressed=True, at_s=press)])
        kept = bounces(random, release, pressed=False, within_ms=15)
        kept = [edge for edge in kept if random.random() > 0.3]
        checked_at_s = kept[-1].at_s + 0.02 if kept else press + 0.5
        hand.play([*kept, ButtonEdge(pressed=False, at_s=checked_at_s, found=True)])
    assert hand.words == ["down", "hold", "up"] * 1000


@pytest.mark.parametrize("used", [[HOLD], [TAP], [HOLD, TAP, DOUBLE], [LONG]])
def test_a_button_that_is_stuck_at_boot_does_nothing_until_it_is_let_go(
    used: list[Gesture],
) -> None:
    for seed in range(100):
        random = Random(seed)
        stuck = ButtonEdge(pressed=True, at_s=0.0, found=True)
        release = bounces(random, random.uniform(0, 100), pressed=False, within_ms=15)
        assert Hand(*used).play([stuck, *release]) == ["stuck"]


def test_a_button_that_was_stuck_works_after_it_was_let_go() -> None:
    stuck = ButtonEdge(pressed=True, at_s=0.0, found=True)
    edges = [stuck, ButtonEdge(pressed=False, at_s=5.0), *presses((6000, 6500))]
    assert Hand(HOLD).play(edges) == ["stuck", "down", "hold", "up"]


def test_a_button_that_is_found_released_works_at_once() -> None:
    edges = [ButtonEdge(pressed=False, at_s=0.0, found=True), *presses((1000, 1500))]
    assert Hand(HOLD).play(edges) == ["down", "hold", "up"]


def test_a_line_that_is_opened_again_in_a_press_goes_on_with_it() -> None:
    edges = [
        ButtonEdge(pressed=True, at_s=0.0),
        ButtonEdge(pressed=True, at_s=2.0, found=True),
        ButtonEdge(pressed=False, at_s=3.0),
    ]
    assert Hand(HOLD).play(edges) == ["down", "hold", "up"]


def test_a_line_that_is_opened_again_after_the_release_ends_the_press() -> None:
    edges = [ButtonEdge(pressed=True, at_s=0.0), ButtonEdge(pressed=False, at_s=2.0, found=True)]
    assert Hand(HOLD).play(edges) == ["down", "hold", "up"]


def test_a_level_that_was_read_corrects_what_late_edges_made_us_believe() -> None:
    contact = Contact("talk")
    contact.edge(ButtonEdge(pressed=True, at_s=1.0))
    assert contact.edge(ButtonEdge(pressed=False, at_s=1.003)) == [StartTimer("talk.rest", 50.0)]
    assert contact.edge(ButtonEdge(pressed=True, at_s=1.04, found=True)) == []
    assert contact.timer("talk.rest") == []
    assert contact.edge(ButtonEdge(pressed=True, at_s=1.004)) == []
    assert contact.is_down


def test_a_press_whose_edge_was_lost_is_told_when_its_level_was_read_and_rested() -> None:
    contact = Contact("talk")
    contact.edge(ButtonEdge(pressed=False, at_s=0.0, found=True))
    asked = contact.edge(ButtonEdge(pressed=True, at_s=1.0, found=True))
    assert asked == [StartTimer("talk.rest", 50.0)]
    assert contact.timer("talk.rest") == [Press(1.0)]


def test_reading_the_level_is_no_bounce() -> None:
    contact = Contact("talk")
    contact.edge(ButtonEdge(pressed=False, at_s=1.0, found=True))
    assert contact.edge(ButtonEdge(pressed=True, at_s=1.001)) == [Press(1.001)]


def test_a_switch_that_is_closed_at_boot_is_closed() -> None:
    switch = Contact("switch")
    assert switch.edge(ButtonEdge(pressed=True, at_s=0.0, found=True)) == [Press(0.0)]
    assert switch.is_down


def test_two_buttons_do_not_take_each_others_timers() -> None:
    talk, mute = Gestures("talk", [HOLD, TAP]), Gestures("mute", [TAP, LONG])
    asked = [*talk.edge(ButtonEdge(True, 0.0)), *mute.edge(ButtonEdge(True, 0.0, "mute"))]
    names = [touch.name for touch in asked if isinstance(touch, StartTimer)]
    assert names == ["talk.limit", "mute.limit"]
    assert mute.timer("talk.limit") == []
    assert talk.timer("talk.limit") == [Gestured(HOLD, 0.0)]


def test_timing_comes_from_outside() -> None:
    timing = Timing(debounce_ms=5, tap_ms=50, double_ms=60, long_ms=70)
    button = Gestures("x", [HOLD, TAP, DOUBLE], timing)
    assert StartTimer("x.limit", 50) in button.edge(ButtonEdge(True, 0.0))
    released = button.edge(ButtonEdge(False, 0.03))
    assert StopTimer("x.limit") in released
    assert StartTimer("x.again", 60) in released
    long = Gestures("x", [LONG], timing)
    assert StartTimer("x.limit", 70) in long.edge(ButtonEdge(True, 0.0))


EDGES = st.lists(st.tuples(st.booleans(), st.integers(0, 400)), min_size=30, max_size=80)
USED = st.sets(st.sampled_from(Gesture)).filter(lambda used: not {HOLD, LONG} <= used)


@given(EDGES, USED)
def test_whatever_the_line_does_presses_and_releases_alternate(
    edges: list[tuple[bool, int]], used: set[Gesture]
) -> None:
    at_ms, line = 0, []
    for pressed, after_ms in edges:
        at_ms += after_ms
        line.append(ButtonEdge(pressed=pressed, at_s=at_ms / 1000))
    hand = Hand(*used)
    words = hand.play(line)
    downs = [word for word in words if word in ("down", "up")]
    assert all(first != second for first, second in pairwise(downs))
    assert downs[:1] in ([], ["down"])
    assert hand.button.is_down == line[-1].pressed
    assert set(words) - {"down", "up"} <= {gesture.value for gesture in used}
    told = [touch.at_s for _, touch in hand.told if isinstance(touch, Press | Release)]
    assert told == sorted(told)


@given(EDGES, USED)
def test_every_press_is_one_gesture_at_most(
    edges: list[tuple[bool, int]], used: set[Gesture]
) -> None:
    at_ms, line = 0, []
    for pressed, after_ms in edges:
        at_ms += after_ms
        line.append(ButtonEdge(pressed=pressed, at_s=at_ms / 1000))
    words = Hand(*used).play(line)
    spent = words.count("double") + sum(words.count(gesture) for gesture in Gesture)
    assert spent <= words.count("down")
