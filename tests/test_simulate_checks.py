"""What must hold at every moment, and what must not grow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.frames import Frame, Opcode

from pi_voice import build
from pi_voice.build import Simulation
from pi_voice.config import Settings
from pi_voice.core.actions import Pattern
from pi_voice.core.events import Cue, Wish
from pi_voice.frames import WIRE
from pi_voice.sim.network import Network
from pi_voice.simulate_checks import (
    LONGEST_OUTAGE_S,
    Ear,
    Growth,
    Guard,
    Lines,
    Sample,
    payload,
    slope,
)
from pi_voice.simulate_record import Record

pytestmark = pytest.mark.virtual


@asynccontextmanager
async def guarded(network: Network) -> AsyncIterator[tuple[Simulation, Record]]:
    """A box that is online, with somebody who looks."""
    record = Record()
    async with build.simulation(Settings(), WIRE) as box:
        box.daemon.watchers.append(record)
        guard = Guard(box, Ear(box.daemon.device, network), record)
        tasks = [asyncio.create_task(life) for life in (box.daemon.run(), guard.watch())]
        await box.leds.shows(Pattern.IDLE)
        yield box, record
        box.daemon.stop()
        await tasks[0]
        tasks[1].cancel()


def mute(box: Simulation) -> None:
    box.daemon.post(Cue(Wish.MUTE, asyncio.get_running_loop().time(), local=True))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 70_000])
def test_a_frame_of_a_client_can_be_read(size: int) -> None:
    text = bytes(number % 251 for number in range(size))
    assert payload(Frame(Opcode.TEXT, text).serialize(mask=True)) == text


def test_a_handshake_is_read_as_it_is() -> None:
    assert payload(b"GET /v1/realtime HTTP/1.1\r\n") == b"GET /v1/realtime HTTP/1.1\r\n"


async def test_a_box_that_behaves_gives_no_reason_to_complain(network: Network) -> None:
    async with guarded(network) as (box, record):
        mute(box)
        await asyncio.sleep(10)
        assert record.problem is None


async def test_sound_that_is_written_while_muted_is_a_problem(network: Network) -> None:
    async with guarded(network) as (box, record):
        mute(box)
        text = b'{"type":"input_audio_buffer.append","audio":"AAAA"}'
        assert network.tap is not None
        network.tap(Frame(Opcode.TEXT, text).serialize(mask=True))
        await asyncio.sleep(1)
        assert "while the box was muted" in str(record.problem)


async def test_an_open_microphone_of_a_muted_box_is_a_problem(network: Network) -> None:
    async with guarded(network) as (box, record):
        mute(box)
        await asyncio.sleep(1)
        box.microphone.open()
        await asyncio.sleep(1)
        assert "the microphone is open while the box is muted" in str(record.problem)


async def test_a_light_that_lies_is_a_problem(network: Network) -> None:
    async with guarded(network) as (box, record):
        box.leds.show_mic(is_open=True)
        await asyncio.sleep(1)
        assert "the microphone light" in str(record.problem)


async def test_an_endless_outage_is_a_problem(network: Network) -> None:
    async with guarded(network) as (_, record):
        record.online = False
        await asyncio.sleep(LONGEST_OUTAGE_S + 10)
        assert str(record.problem) == "no session for 30 min"


def grown(**last: float) -> Growth:
    """Ten hours of samples; the second half holds this instead."""
    growth = Growth()
    for number in range(60):
        held = {"rss_mib": 50.0, "handles": 9, "threads": 1, "tasks": 15}
        growth.samples.append(Sample(number / 6, **(held | last if number > 30 else held)))  # type: ignore[arg-type]  # names of its own fields
    return growth


@pytest.mark.parametrize("what", ["handles", "threads", "tasks"])
def test_what_grows_is_a_problem(what: str) -> None:
    record = Record()
    grown(**{what: 40}).judge(record)
    assert str(record.problem).startswith(f"the {what} grew from ")


def test_memory_that_grows_is_a_problem() -> None:
    record = Record()
    grown(rss_mib=60.0).judge(record)
    assert str(record.problem).startswith("the memory grows by ")


def test_what_stays_is_none() -> None:
    record = Record()
    grown().judge(record)
    assert record.problem is None


def test_a_slope_is_that_of_the_straight_line() -> None:
    assert slope([0.0, 1.0, 2.0, 3.0], [5.0, 7.0, 9.0, 11.0]) == pytest.approx(2.0)
    assert slope([0.0, 1.0, 2.0], [1.0, 4.0, 1.0]) == pytest.approx(0.0)


async def test_the_process_is_measured_every_ten_minutes() -> None:
    growth = Growth()
    watching = asyncio.create_task(growth.watch())
    await asyncio.sleep(1801)
    watching.cancel()
    assert [sample.at_h for sample in growth.samples] == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6])
    assert all(sample.rss_mib > 1 and sample.handles > 2 for sample in growth.samples)


def test_lines_of_a_log_are_counted_from_info_on() -> None:
    lines, logger = Lines(), logging.getLogger("a simulated box")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(lines)
    logger.debug("too small")
    logger.info("one")
    logger.warning("two")
    logger.removeHandler(lines)
    assert lines.lines == 2


def test_a_log_that_nobody_can_read_is_a_problem() -> None:
    lines, record = Lines(), Record()
    lines.lines = 600
    lines.judge(3600.0, record)
    assert record.problem is None
    lines.lines = 601
    lines.judge(3600.0, record)
    assert str(record.problem) == "the log has 10.0 lines a minute"
