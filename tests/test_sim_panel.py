from __future__ import annotations

import asyncio
import random

import pytest

from pi_voice.core.actions import Pattern
from pi_voice.core.events import ButtonEdge
from pi_voice.ports import Button, Leds
from pi_voice.sim.panel import Shown, SimButton, SimLeds

pytestmark = pytest.mark.virtual


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def edges(button: Button) -> list[ButtonEdge]:
    """All that was reported, of a button that is no longer in use."""
    return [edge async for edge in button.events()]


async def test_each_move_of_the_finger_is_an_edge_at_its_time() -> None:
    began_s = now_s()
    async with SimButton("talk") as button:
        button.press()
        assert button.pressed
        await asyncio.sleep(2)
        button.release()
        assert not button.pressed
    assert await edges(button) == [
        ButtonEdge(True, began_s, "talk"),
        ButtonEdge(False, began_s + 2, "talk"),
    ]


async def test_a_button_is_held_as_long_as_asked() -> None:
    began_s = now_s()
    async with SimButton("mute") as button:
        await button.hold(150)
    assert [(edge.pressed, edge.at_s - began_s) for edge in await edges(button)] == [
        (True, 0.0),
        (False, pytest.approx(0.150)),
    ]


async def test_an_edge_reaches_who_already_listens() -> None:
    async with SimButton() as button:
        asyncio.get_running_loop().call_later(5, button.press)
        edge = await anext(button.events())
    assert edge == ButtonEdge(True, now_s())


async def bounced(seed: int) -> list[tuple[float, bool]]:
    began_s = now_s()
    async with SimButton(bounces=random.Random(seed)) as button:
        await button.hold(100)
        await asyncio.sleep(1)
    return [(edge.at_s - began_s, edge.pressed) for edge in await edges(button)]


async def test_a_bouncing_contact_settles_within_15_ms_where_the_finger_is() -> None:
    counts = set()
    for seed in range(300):
        down = [edge for edge in await bounced(seed) if edge[0] < 0.099]
        counts.add(len(down))
        assert down[0] == (0.0, True)
        assert down[-1][1] is True
        assert down[-1][0] <= 0.015
        assert down == sorted(down, key=lambda edge: edge[0])
    assert counts == set(range(1, 21))


async def test_bounces_change_the_level_and_may_tell_the_last_one_twice() -> None:
    for seed in range(100):
        levels = [pressed for _, pressed in await bounced(seed)]
        same = [n for n in range(1, len(levels)) if levels[n] == levels[n - 1]]
        assert len(same) <= 2


async def test_the_same_seed_bounces_the_same_way() -> None:
    one, again, other = await bounced(3), await bounced(3), await bounced(4)
    assert [pressed for _, pressed in one] == [pressed for _, pressed in again]
    assert [at_s for at_s, _ in one] == pytest.approx([at_s for at_s, _ in again])
    assert len(one) != len(other)


async def test_a_quick_finger_ends_the_bounces_of_its_last_move() -> None:
    for seed in range(100):
        async with SimButton(bounces=random.Random(seed)) as button:
            await button.hold(3)
            await asyncio.sleep(1)
        assert (await edges(button))[-1].pressed is False


async def test_a_button_that_is_put_away_does_not_bounce_on() -> None:
    async with SimButton(bounces=random.Random(1)) as button:
        button.press()
    assert await edges(button) != []
    await asyncio.sleep(1)
    assert await edges(button) == []


async def test_lights_remember_what_they_showed_and_when() -> None:
    async with SimLeds() as leds:
        began_s = now_s()
        leds.show(Pattern.IDLE)
        await asyncio.sleep(1)
        leds.show_mic(is_open=True)
        leds.show(Pattern.LISTENING)
        assert (leds.pattern, leds.mic_is_open) == (Pattern.LISTENING, True)
    assert leds.shown == [
        Shown(began_s, Pattern.IDLE, False),
        Shown(began_s + 1, Pattern.IDLE, True),
        Shown(began_s + 1, Pattern.LISTENING, True),
    ]
    assert leds.patterns == [Pattern.IDLE, Pattern.LISTENING]


async def test_the_lights_are_off_when_the_program_is_gone() -> None:
    async with SimLeds() as leds:
        leds.show(Pattern.LISTENING)
        leds.show_mic(is_open=True)
    assert (leds.pattern, leds.mic_is_open) == (None, False)


async def test_what_is_shown_already_need_not_be_waited_for() -> None:
    async with SimLeds() as leds:
        leds.show(Pattern.IDLE)
        await leds.shows(Pattern.IDLE)
        await leds.mic(is_open=False)


async def test_even_a_pattern_of_one_step_is_seen_by_who_waits_for_it() -> None:
    async with SimLeds() as leds:
        seen = asyncio.ensure_future(leds.shows(Pattern.OPENING))
        await asyncio.sleep(1)
        for pattern in (Pattern.OPENING, Pattern.LISTENING, Pattern.OPENING, Pattern.IDLE):
            leds.show(pattern)
        await seen


async def test_the_microphone_light_can_be_waited_for() -> None:
    async with SimLeds() as leds:
        asyncio.get_running_loop().call_later(3, lambda: leds.show_mic(is_open=True))
        began_s = now_s()
        await leds.mic(is_open=True)
        assert now_s() - began_s == pytest.approx(3)


async def test_who_waits_in_vain_learns_what_was_shown_instead() -> None:
    as_port: Leds
    async with SimLeds() as leds:
        as_port = leds
        as_port.show(Pattern.STARTING)
        as_port.show(Pattern.NO_NETWORK)
        with pytest.raises(TimeoutError) as caught:
            await leds.shows(Pattern.IDLE, within_s=5)
        assert str(caught.value) == (
            "no pattern idle within 5 s; shown: starting, no_network; microphone light off"
        )


async def test_who_waits_in_vain_for_the_microphone_light_learns_what_it_shows() -> None:
    async with SimLeds() as leds:
        with pytest.raises(TimeoutError) as caught:
            await leds.mic(is_open=True, within_s=5)
        assert str(caught.value) == (
            "no microphone light on within 5 s; shown: nothing; microphone light off"
        )
        leds.show_mic(is_open=True)
        with pytest.raises(TimeoutError, match="no microphone light off .* microphone light on"):
            await leds.mic(is_open=False, within_s=5)
