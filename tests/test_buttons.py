from __future__ import annotations

from pi_voice.core.actions import StartTimer
from pi_voice.core.activation import Press, Release
from pi_voice.core.buttons import (
    MUTE_BUTTON,
    MUTE_SWITCH,
    TALK,
    Asked,
    Bindings,
    Buttons,
    Hands,
    MuteSwitched,
)
from pi_voice.core.events import ButtonEdge, Wish
from pi_voice.core.gestures import Gesture, Stuck


def edge(
    at_s: float, *, pressed: bool = True, button: str = TALK, found: bool = False
) -> ButtonEdge:
    return ButtonEdge(pressed=pressed, at_s=at_s, button=button, found=found)


def touches(buttons: Buttons, *edges: ButtonEdge) -> list[Hands]:
    kinds = Press | Release | Asked | MuteSwitched | Stuck
    return [touch for e in edges for touch in buttons.edge(e) if isinstance(touch, kinds)]


def test_holding_asks_to_talk_at_the_press_itself() -> None:
    buttons = Buttons()
    assert touches(buttons, edge(1.0)) == [Press(1.0), Asked(Wish.TALK, 1.0)]
    assert touches(buttons, edge(2.0, pressed=False)) == [Release(2.0)]
    assert buttons.is_sure


def test_with_more_gestures_a_press_is_not_sure_until_its_limit() -> None:
    buttons = Buttons(Bindings({Gesture.HOLD: Wish.TALK, Gesture.TAP: Wish.INTERRUPT}))
    assert not buttons.is_sure
    assert touches(buttons, edge(1.0)) == [Press(1.0)]
    assert list(buttons.timer("talk.limit")) == [Asked(Wish.TALK, 1.0)]


def test_the_mute_button_asks_at_the_press_and_not_at_the_release() -> None:
    buttons = Buttons()
    assert touches(buttons, edge(1.0, button=MUTE_BUTTON)) == [Asked(Wish.MUTE, 1.0)]
    assert touches(buttons, edge(2.0, button=MUTE_BUTTON, pressed=False)) == []


def test_a_mute_button_that_is_stuck_at_the_start_does_not_mute() -> None:
    assert touches(Buttons(), edge(1.0, button=MUTE_BUTTON, found=True)) == []


def test_a_switch_that_is_closed_at_the_start_counts() -> None:
    buttons = Buttons()
    closed = touches(buttons, edge(1.0, button=MUTE_SWITCH, found=True))
    assert closed == [MuteSwitched(closed=True)]
    opened = touches(buttons, edge(2.0, button=MUTE_SWITCH, pressed=False))
    assert opened == [MuteSwitched(closed=False)]


def test_a_talk_button_that_is_down_at_the_start_is_told() -> None:
    assert touches(Buttons(), edge(1.0, found=True)) == [Stuck(TALK)]


def test_bounces_of_a_switch_are_one_change() -> None:
    buttons = Buttons()
    bounces = [edge(1 + n / 1000, button=MUTE_SWITCH, pressed=n % 2 == 0) for n in range(9)]
    assert touches(buttons, *bounces) == [MuteSwitched(closed=True)]
    assert list(buttons.timer("mute_switch.rest")) == []


def test_a_switch_that_flicked_back_counts_once_it_rests() -> None:
    buttons = Buttons()
    assert touches(buttons, edge(1.0, button=MUTE_SWITCH)) == [MuteSwitched(closed=True)]
    back = list(buttons.edge(edge(1.01, button=MUTE_SWITCH, pressed=False)))
    assert [type(touch) for touch in back] == [StartTimer]
    assert list(buttons.timer("mute_switch.rest")) == [MuteSwitched(closed=False)]


def test_a_switch_that_is_open_at_the_start_is_told() -> None:
    found = edge(1.0, button=MUTE_SWITCH, pressed=False, found=True)
    assert touches(Buttons(), found) == [MuteSwitched(closed=False)]


def test_a_mute_button_that_is_pressed_again_too_soon_asks_once_it_rests() -> None:
    buttons = Buttons()
    touches(buttons, edge(1.0, button=MUTE_BUTTON), edge(2.0, button=MUTE_BUTTON, pressed=False))
    assert touches(buttons, edge(2.01, button=MUTE_BUTTON)) == []
    asked = list(buttons.timer("mute.rest"))
    assert [touch.wish for touch in asked if isinstance(touch, Asked)] == [Wish.MUTE]
