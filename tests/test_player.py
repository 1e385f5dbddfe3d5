"""The light of the moment, painted at its changes and at no other time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from pi_voice.core.actions import Pattern
from pi_voice.hardware.patterns import Light, Look, Programme, alone
from pi_voice.hardware.player import Player, local_minute

DARK = Light(0, 0, 0, 0)


class Board:
    """Remembers what it was told to show, and when."""

    def __init__(self) -> None:
        self.lights: list[tuple[float, Light, float]] = []

    def paint(self, light: Light, dimming: float) -> None:
        self.lights.append((asyncio.get_running_loop().time(), light, dimming))

    @property
    def light(self) -> Light:
        return self.lights[-1][1]


def only_light(programme: Programme, mic_is_open: bool) -> Programme:
    return alone(programme, mic_is_open=mic_is_open)


def as_it_is(programme: Programme, mic_is_open: bool) -> Programme:
    return programme


@pytest.mark.virtual
async def test_a_blink_is_painted_at_its_edges() -> None:
    board = Board()
    player = Player(board.paint, as_it_is, Look({Pattern.IDLE: "red blink 100 400"}))
    player.show(Pattern.IDLE)
    assert board.lights == []
    player.start()
    began_s = board.lights[0][0]
    await asyncio.sleep(1.05)
    shown = [(round(at_s - began_s, 3), light.level) for at_s, light, _ in board.lights]
    assert [shown[n] for n in (0, 1, 2, 3, 4)] == [(0, 1), (0.1, 0), (0.5, 1), (0.6, 0), (1, 1)]
    assert len(shown) == 5
    player.stop()


@pytest.mark.virtual
async def test_a_steady_light_never_wakes_the_loop() -> None:
    board = Board()
    player = Player(board.paint, only_light, Look())
    player.show(Pattern.MUTED)
    player.start()
    player.show_mic(is_open=True)
    painted = len(board.lights)
    await asyncio.sleep(3600)
    assert len(board.lights) == painted
    assert board.light.level == 1
    player.show_mic(is_open=False)
    await asyncio.sleep(5)
    assert len(board.lights) > painted
    player.stop()


@pytest.mark.virtual
async def test_the_same_pattern_again_does_not_begin_again() -> None:
    board = Board()
    player = Player(board.paint, as_it_is, Look())
    player.show(Pattern.IDLE)
    player.start()
    await asyncio.sleep(1)
    player.show(Pattern.IDLE)
    assert board.light == DARK
    player.repaint()
    assert board.light == DARK
    player.stop()


@pytest.mark.virtual
async def test_nothing_is_painted_before_the_start_and_after_the_end() -> None:
    board = Board()
    player = Player(board.paint, as_it_is, Look())
    player.show_mic(is_open=True)
    player.repaint()
    assert board.lights == []
    player.start()
    player.stop()
    painted = len(board.lights)
    player.show(Pattern.THINKING)
    player.repaint()
    await asyncio.sleep(5)
    assert len(board.lights) == painted


@pytest.mark.virtual
async def test_a_steady_light_learns_that_the_night_began() -> None:
    board, wall = Board(), SimpleNamespace(minute=1319)
    look = Look(night="22:00-07:00", night_brightness=20)
    player = Player(board.paint, as_it_is, look, lambda: wall.minute)
    player.show(Pattern.LISTENING)
    player.start()
    assert board.lights[-1][2] == 1
    wall.minute = 1320
    await asyncio.sleep(61)
    assert board.lights[-1][2] == 0.2
    player.stop()


def test_the_clock_of_the_wall_has_minutes() -> None:
    assert 0 <= local_minute() < 24 * 60
