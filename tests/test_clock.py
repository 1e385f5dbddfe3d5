from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from pi_voice.frames import AudioBatch
from pi_voice.sim.clock import HORIZON_S, START_S, Deadlock, VirtualLoop, run
from pi_voice.sim.microphone import SimMicrophone
from pi_voice.sim.network import Network
from pi_voice.sim.panel import SimButton
from pi_voice.sim.speaker import SimSpeaker
from tests.test_sim_speaker import Queue


@pytest.mark.virtual
async def test_a_sleep_takes_its_time_on_the_clock_and_none_of_ours() -> None:
    loop = asyncio.get_running_loop()
    began_s, really_s = loop.time(), time.monotonic()
    await asyncio.sleep(3600)
    assert loop.time() - began_s == pytest.approx(3600)
    assert time.monotonic() - really_s < 60


@pytest.mark.virtual
async def test_timers_fire_in_their_order_each_at_its_time() -> None:
    loop = asyncio.get_running_loop()
    fired: list[tuple[str, float]] = []

    def note(name: str) -> None:
        fired.append((name, loop.time() - START_S))

    loop.call_later(2, note, "late")
    loop.call_later(1, note, "early")
    loop.call_later(1, note, "with early")
    await asyncio.sleep(3)
    assert [name for name, _ in fired] == ["early", "with early", "late"]
    assert [at_s for _, at_s in fired] == pytest.approx([1.0, 1.0, 2.0])


@pytest.mark.virtual
async def test_a_deadline_passes_on_the_simulated_clock() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(100):
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() == pytest.approx(START_S + 100)


async def wait_for_nobody() -> None:
    await asyncio.Event().wait()


def test_who_waits_for_nothing_is_named_with_the_line_that_waits() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait_for_nobody(), name="the deaf")

    with pytest.raises(Deadlock) as caught:
        run(main())
    report = str(caught.value).splitlines()
    assert report[0] == "nothing is left to wait for:"
    line = wait_for_nobody.__code__.co_firstlineno + 1
    assert f"  the deaf: wait_for_nobody ({__file__}:{line})" in report


def test_a_deadlock_still_lets_every_task_clean_up() -> None:
    cleaned: list[str] = []

    async def main() -> None:
        try:
            await wait_for_nobody()
        finally:
            await asyncio.sleep(1)
            cleaned.append("main")

    with pytest.raises(Deadlock):
        run(main())
    assert cleaned == ["main"]


@pytest.mark.virtual
async def test_work_for_a_thread_is_done_on_the_loop_without_taking_time() -> None:
    thread = await asyncio.to_thread(threading.current_thread)
    assert thread is threading.current_thread()
    assert asyncio.get_running_loop().time() == START_S


@pytest.mark.virtual
async def test_work_for_a_thread_lets_others_run_first() -> None:
    order: list[str] = []
    asyncio.get_running_loop().call_soon(order.append, "other")
    await asyncio.to_thread(order.append, "work")
    assert order == ["other", "work"]


@pytest.mark.virtual
async def test_work_that_fails_fails_where_it_is_awaited() -> None:
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(lambda: 1 / 0)


@pytest.mark.virtual
async def test_cancelled_work_is_not_done() -> None:
    done: list[int] = []
    work = asyncio.get_running_loop().run_in_executor(None, done.append, 1)
    work.cancel()
    await asyncio.sleep(1)
    assert done == []


@pytest.mark.virtual
async def test_calls_from_outside_the_loop_are_taken_in() -> None:
    loop = asyncio.get_running_loop()
    called = asyncio.Event()
    loop.call_soon_threadsafe(called.set)
    await called.wait()


async def tick() -> None:
    for _ in range(1_000_000):
        await asyncio.sleep(1)


def test_a_signal_arrives_in_the_middle_of_a_leap_from_timer_to_timer() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        caught = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, caught.set)
        loop.call_later(10, os.kill, os.getpid(), signal.SIGUSR1)
        ticks = loop.create_task(tick())
        await caught.wait()
        ticks.cancel()

    run(main())


@pytest.mark.virtual
async def test_names_are_looked_up_in_the_network_of_memory(network: Network) -> None:
    network.names["service.example"] = "203.0.113.7"
    found = await asyncio.get_running_loop().getaddrinfo("service.example", 443)
    assert [address for *_, address in found] == [("203.0.113.7", 443)]
    with pytest.raises(socket.gaierror):
        await asyncio.get_running_loop().getaddrinfo("nobody.example", 443)


@pytest.mark.virtual
async def test_there_is_no_tls_in_memory() -> None:
    with pytest.raises(ValueError, match="no TLS on a network made of memory; use ws://"):
        await asyncio.open_connection("127.0.0.1", 443, ssl=ssl.create_default_context())


def test_a_run_ends_before_the_clock_gets_too_coarse_for_timers() -> None:
    with pytest.raises(OverflowError, match="a simulation ends after 48 days"):
        run(asyncio.sleep(HORIZON_S))


def test_timers_still_fire_one_by_one_shortly_before_the_end_of_time() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(HORIZON_S - START_S - 60)
        for _ in range(1000):
            await asyncio.sleep(0.02)
        return loop.time()

    assert run(main()) == pytest.approx(HORIZON_S - 60 + 20, abs=1e-3)


def test_a_run_returns_its_result_and_uses_the_network_it_was_given() -> None:
    async def main() -> Network:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        return loop.network

    network = Network()
    assert run(main(), network=network) is network


async def busy_hour() -> list[tuple[float, str]]:
    """Forty workers that sleep, meet in a queue, and use threads."""
    loop = asyncio.get_running_loop()
    trace: list[tuple[float, str]] = []
    queue: asyncio.Queue[str] = asyncio.Queue(maxsize=3)

    async def worker(number: int) -> None:
        for step in range(20):
            await asyncio.sleep((number * 37 + step * 11) % 13 / 7)
            await queue.put(await asyncio.to_thread("{}.{}".format, number, step))

    async with asyncio.TaskGroup() as tasks:
        for number in range(40):
            tasks.create_task(worker(number))
        for _ in range(800):
            trace.append((loop.time(), await queue.get()))
            await asyncio.sleep(0.01)
    return trace


def test_the_same_program_has_the_same_trace() -> None:
    assert run(busy_hour()) == run(busy_hour())


async def box(seed: int) -> list[tuple[float, object]]:
    """A microphone that streams over a socket to a speaker, while somebody plays with a button."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.network.delay_ms = 23
    trace: list[tuple[float, object]] = []
    microphone = SimMicrophone(seed=seed, drift_ppm=150)
    button = SimButton(bounces=random.Random(seed))
    speaker = SimSpeaker(Queue(), drift_ppm=-150)

    async def note(source: AsyncIterator[object]) -> None:
        async for event in source:
            trace.append((loop.time(), event))

    async def hear(connection: ServerConnection) -> None:
        async for message in connection:
            assert isinstance(message, bytes)
            speaker.play("a", message * 3)
            trace.append((loop.time(), message))

    async with microphone, button, speaker, serve(hear, "127.0.0.1", 80, compression=None):
        async with connect("ws://localhost", compression=None, proxy=None) as link:
            tasks = [asyncio.ensure_future(note(s.events())) for s in (button, speaker)]
            microphone.open()
            async for event in microphone.events():
                if isinstance(event, AudioBatch):
                    await link.send(event.pcm)
                    await button.hold(20)
                if len(trace) > 500:
                    break
            trace.append((loop.time(), speaker.heard))
            for task in tasks:
                task.cancel()
    return trace


def test_cards_sockets_and_bouncing_buttons_have_the_same_trace_each_time() -> None:
    first, second, other = run(box(1)), run(box(1)), run(box(2))
    assert first == second
    assert first != other


def test_a_loop_can_be_held_to_a_pace() -> None:
    began_s = time.monotonic()
    run(asyncio.sleep(20), speed=100)
    assert time.monotonic() - began_s >= 0.2
