from __future__ import annotations

import asyncio
import threading

from pi_voice.bridge import STALLED, Mailbox


async def test_what_a_thread_posts_arrives_in_order() -> None:
    mailbox: Mailbox[int] = Mailbox(asyncio.get_running_loop(), capacity=1000)

    def post() -> None:
        for number in range(500):
            mailbox.post(number)

    thread = threading.Thread(target=post)
    thread.start()
    received = []
    async for number in mailbox:
        received.append(number)
        if number == 499:
            break
    thread.join()
    assert received == list(range(500))


async def test_a_late_reader_finds_the_newest_and_the_loss_is_counted() -> None:
    mailbox: Mailbox[int] = Mailbox(asyncio.get_running_loop(), capacity=3)
    for number in range(10):
        mailbox.post(number)
    mailbox.close()
    assert [number async for number in mailbox] == [7, 8, 9]
    assert mailbox.dropped == 7


async def test_what_may_not_be_dropped_survives_a_late_reader() -> None:
    mailbox: Mailbox[str] = Mailbox(
        asyncio.get_running_loop(), capacity=2, may_drop=lambda item: item != "closed"
    )
    for item in ("a", "closed", "b", "c", "d"):
        mailbox.post(item)
    mailbox.close()
    assert [item async for item in mailbox] == ["closed", "c", "d"]


async def test_a_loop_that_does_not_run_costs_a_bounded_amount_of_memory() -> None:
    mailbox: Mailbox[int] = Mailbox(asyncio.get_running_loop(), capacity=2)
    for number in range(1000):
        mailbox.post(number)
    assert mailbox.dropped == 1000 - 2 * STALLED


async def test_clearing_keeps_only_what_may_not_be_dropped() -> None:
    mailbox: Mailbox[str] = Mailbox(
        asyncio.get_running_loop(), may_drop=lambda item: item != "closed"
    )
    for item in ("a", "closed", "b"):
        mailbox.post(item)
    mailbox.clear()
    mailbox.close()
    assert [item async for item in mailbox] == ["closed"]


async def test_the_loop_is_woken_once_for_many_posts() -> None:
    loop = asyncio.get_running_loop()
    mailbox: Mailbox[int] = Mailbox(loop)
    woken = []
    original = loop.call_soon_threadsafe
    try:
        loop.call_soon_threadsafe = lambda *a, **k: woken.append(a) or original(*a, **k)  # type: ignore[method-assign,func-returns-value]  # counts wake-ups
        for number in range(20):
            mailbox.post(number)
    finally:
        loop.call_soon_threadsafe = original  # type: ignore[method-assign]  # as it was
    assert len(woken) == 1


def test_posting_to_a_loop_that_ended_is_harmless() -> None:
    loop = asyncio.new_event_loop()
    mailbox: Mailbox[int] = Mailbox(loop)
    loop.close()
    mailbox.post(1)
    assert mailbox.dropped == 0


async def test_what_may_not_be_dropped_survives_a_loop_that_does_not_run() -> None:
    mailbox: Mailbox[str] = Mailbox(
        asyncio.get_running_loop(), capacity=1, may_drop=lambda item: item != "closed"
    )
    for _ in range(2 * STALLED):
        mailbox.post("sound")
    mailbox.post("closed")
    mailbox.close()
    assert [item async for item in mailbox][-1] == "closed"


async def test_the_loop_is_woken_again_for_what_comes_after_it_read() -> None:
    mailbox: Mailbox[int] = Mailbox(asyncio.get_running_loop())
    items = aiter(mailbox)
    mailbox.post(1)
    assert await anext(items) == 1
    asyncio.get_running_loop().call_soon(mailbox.post, 2)
    assert await anext(items) == 2


async def test_what_need_not_wake_the_reader_waits_for_what_does() -> None:
    mailbox: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    received: list[str] = []

    async def read() -> None:
        async for item in mailbox:
            received.append(item)

    reading = asyncio.create_task(read())
    mailbox.post("quiet", wake=False)
    await asyncio.sleep(0.01)
    assert received == []
    mailbox.post("loud")
    mailbox.close()
    await reading
    assert received == ["quiet", "loud"]


async def test_whoever_reads_a_closed_mailbox_again_finds_only_what_came_since() -> None:
    mailbox: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    mailbox.post("early")
    mailbox.close()
    assert [item async for item in mailbox] == ["early"]
    assert [item async for item in mailbox] == []
    mailbox.post("late")
    assert [item async for item in mailbox] == ["late"]
