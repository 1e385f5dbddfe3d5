"""Connections that are made, refused, lost and made again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from pi_voice.retry import RetryClass
from pi_voice.sim.network import Network
from pi_voice.transport import (
    AlreadyConnectedError,
    NotConnectedError,
    TransportError,
    WebSocketTransport,
)
from pi_voice.transport.renewal import Renewal
from pi_voice.transport.supervisor import Plan
from pi_voice.transport.websocket import Socket
from tests.scripted import Visit, diary, lose_a_handshake, scripted, transport
from tests.until import until

pytestmark = pytest.mark.virtual

CONNECTED = [
    ("connection_change", "connecting"),
    ("status", "connecting"),
    ("connection_change", "connected"),
    ("connected", None),
    ("status", "connected"),
]
PUSH_TO_TALK = {"turn_detection": None}
GONE = [("connection_change", "disconnected"), ("disconnected", None)]


class Steady:
    """Connects again after a second, and remembers what it was told."""

    def __init__(self, delay_s: float = 1.0) -> None:
        self.delay_s = delay_s
        self.troubles: list[RetryClass] = []
        self.retry_after_s: list[float | None] = []
        self.sessions = 0
        self.ups = 0
        self.settle_s: float | None = 0.0

    def session_began(self, now_s: float) -> None:
        self.sessions += 1

    def session_ended(self, now_s: float) -> None:
        pass

    def open_timeout_s(self, now_s: float) -> float:
        return 3.0

    def link_up(self, now_s: float) -> float | None:
        self.ups += 1
        return self.settle_s

    def next_delay_s(
        self, trouble: RetryClass, now_s: float, *, retry_after_s: float | None = None
    ) -> float:
        self.troubles.append(trouble)
        self.retry_after_s.append(retry_after_s)
        return self.delay_s


def letting_in(then: Callable[[], object]) -> Callable[[], None]:
    """Let everybody in, and do something meanwhile."""
    return lambda: (then(), None)[1]


def without_errors(told: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [entry for entry in told if entry[0] not in ("error", "session_ready")]


async def test_connecting_tells_its_steps_and_waits_for_the_acknowledgement() -> None:
    async with scripted() as service, transport(service) as t:
        told = diary(t)
        await t.connect()
        assert told == [*CONNECTED, ("session_ready", "s1")]
        assert service.last.types() == ["session.update"]
        assert t.session_id == "s1"


async def test_a_service_that_does_not_acknowledge_is_used_after_five_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted() as service, transport(service) as t:
        service.acknowledging = False
        told = diary(t, "session_ready")
        began = asyncio.get_running_loop().time()
        await t.connect()
        assert 5 <= asyncio.get_running_loop().time() - began < 5.1
        assert "no answer to session.update" in caplog.text
        assert told == [("session_ready", "s1")]
        t.send_message("hi")


async def test_a_rejected_session_fails_the_connect() -> None:
    async def reject(visit: Visit, event: Any) -> None:
        error = {"code": "invalid_value", "message": "no voice", "event_id": event["event_id"]}
        await visit.say("error", error=error)

    async with scripted() as service, transport(service, reconnect=Steady()) as t:
        service.on_update = reject
        told = diary(t)
        with pytest.raises(TransportError, match="no voice") as caught:
            await t.connect()
        assert not caught.value.retryable
        assert without_errors(told) == [*CONNECTED, *GONE, ("status", "closed")]
        assert [name for name, _ in told].count("error") == 1
        assert t.status == "disconnected"
        await until(lambda: service.last.closed)


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (503, ""), (404, "x")])
async def test_a_refused_handshake_fails_the_connect_and_leaves_no_trace(
    status: int, code: str
) -> None:
    async with scripted() as service, transport(service, reconnect=Steady()) as t:
        service.refusing = lambda: (status, code)
        told = diary(t)
        with pytest.raises(TransportError) as caught:
            await t.connect()
        assert caught.value.status == status
        names = [name for name, _ in told]
        assert names == ["connection_change", "status", "error", *[n for n, _ in GONE], "status"]
        service.refusing = lambda: None
        await t.connect()
        assert t.status == "connected"


async def test_a_missing_key_is_told_before_anything_happens() -> None:
    async with scripted() as service, transport(service, api_key=None) as t:
        told = diary(t)
        with pytest.raises(TransportError, match="api_key"):
            await t.connect()
        assert told == []
        assert service.attempts == 0


async def test_a_key_function_that_fails_ends_the_attempt_without_its_words() -> None:
    def key() -> str:
        raise ValueError("sk-secret")

    async with scripted() as service, transport(service, api_key=key) as t:
        told = diary(t, "connection_change")
        with pytest.raises(TransportError, match="no key: ValueError") as caught:
            await t.connect()
        assert "sk-secret" not in str(caught.value)
        assert told == []


async def test_a_key_function_that_was_cancelled_fails_the_connect() -> None:
    def key() -> asyncio.Future[str]:
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        never.cancel()
        return never

    async with scripted() as service, transport(service, api_key=key) as t:
        with pytest.raises(TransportError, match="no key: CancelledError"):
            await t.connect()
        assert t.status == "disconnected"


async def test_a_key_that_cannot_be_had_for_a_while_is_asked_for_again() -> None:
    faults: list[Exception] = [OSError("no network"), ValueError("sk-secret")]
    pace = Steady()
    keys = ["sk-1"]

    def key() -> str:
        if not keys:
            keys.append("sk-2")
            raise faults.pop()
        return keys.pop()

    async with scripted() as service, transport(service, api_key=key, reconnect=pace) as t:
        await t.connect()
        for number in (2, 3):
            service.last.cut()
            await service.visit(number)
        assert pace.troubles == [
            RetryClass.NETWORK,
            RetryClass.OVERLOAD,
            RetryClass.NETWORK,
            RetryClass.NETWORK,
        ]


async def test_a_second_connect_is_refused_even_while_the_key_is_fetched() -> None:
    asked = asyncio.Event()
    given = asyncio.Event()

    async def key() -> str:
        asked.set()
        await given.wait()
        return "sk-late"

    async with scripted() as service, transport(service, api_key=key) as t:
        first = asyncio.create_task(t.connect())
        await asked.wait()
        with pytest.raises(AlreadyConnectedError):
            await t.connect()
        given.set()
        await first
        with pytest.raises(AlreadyConnectedError):
            await t.connect()
        assert len(service.visits) == 1


async def test_closing_while_the_key_is_fetched_opens_no_socket() -> None:
    asked = asyncio.Event()

    async def key() -> str:
        asked.set()
        await asyncio.Event().wait()
        return "never"

    async with scripted() as service, transport(service, api_key=key) as t:
        told = diary(t)
        attempt = asyncio.create_task(t.connect())
        await asked.wait()
        t.close()
        with pytest.raises(TransportError, match="closed before its setup"):
            await attempt
        assert told == []
        assert service.attempts == 0


async def test_closing_while_the_socket_opens_ends_the_attempt(network: Network) -> None:
    async with scripted() as service, transport(service) as t:
        network.stall()
        told = diary(t)
        attempt = asyncio.create_task(t.connect())
        await until(lambda: bool(told))
        t.close()
        with pytest.raises(TransportError, match="closed before its setup"):
            await attempt
        network.heal()
        expected = [*CONNECTED[:2], *GONE, ("status", "closed")]
        assert told == expected
        await t.connect()
        assert t.status == "connected"


async def test_cancelling_the_connect_ends_the_attempt() -> None:
    async with scripted() as service, transport(service) as t:
        service.acknowledging = False
        attempt = asyncio.create_task(t.connect(model="other"))
        await service.visit(1)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await until(lambda: t.status == "closed")
        assert t.current_model != "other"
        await until(lambda: service.last.closed)


async def test_a_failed_attempt_puts_everything_back() -> None:
    async with scripted() as service, transport(service) as t:
        before = (t.current_model, t._url)
        with pytest.raises(TransportError):
            await t.connect(model="other", url="ws://127.0.0.1:9/x", api_key="sk-other")
        assert (t.current_model, t._url) == before
        await t.connect()
        assert service.last.headers["authorization"] == "Bearer sk-key"


async def test_a_listener_may_try_again_when_an_attempt_failed() -> None:
    async with scripted() as service, transport(service) as t:
        refusals = iter([(503, "")])
        service.refusing = lambda: next(refusals, None)
        models: list[str] = []

        async def again() -> None:
            models.append(t.current_model)
            await t.connect(model="second")

        t.once("disconnected", again)
        with pytest.raises(TransportError):
            await t.connect(model="first")
        await until(lambda: t.session_id is not None)
        assert models == ["gpt-realtime-2.1"]
        assert t.current_model == "second"


async def test_a_listener_that_fails_does_not_fail_the_connect() -> None:
    async with scripted() as service, transport(service) as t:
        t.on("connected", lambda: 1 / 0)
        await t.connect()
        assert t.status == "connected"


async def test_a_listener_that_closes_at_once_ends_the_connect() -> None:
    async with scripted() as service, transport(service) as t:
        t.on("connected", t.close)
        with pytest.raises(TransportError, match="closed before"):
            await t.connect()
        await until(lambda: t.status == "closed")


async def test_closing_says_goodbye_and_tells_it_once() -> None:
    async with scripted() as service, transport(service) as t:
        await t.connect()
        told = diary(t)
        t.close()
        t.close()
        assert t.status == "disconnecting"
        assert told == GONE
        with pytest.raises(NotConnectedError):
            t.send_message("hi")
        await t.aclose()
        assert t.status == "closed"
        assert told == [*GONE, ("status", "closed")]
        assert service.last.connection.close_code == 1000


async def test_closing_what_is_closed_is_nothing() -> None:
    t = WebSocketTransport()
    told = diary(t)
    t.close()
    await t.aclose()
    await t.drain()
    assert told == []


async def test_a_new_connection_may_begin_while_the_old_one_says_goodbye() -> None:
    async with scripted() as service, transport(service) as t:
        await t.connect()
        t.close()
        await t.connect()
        assert t.status == "connected"
        await until(lambda: service.visits[0].closed)
        assert t.status == "connected"


async def test_nothing_that_arrives_after_close_is_told() -> None:
    async with scripted() as service, transport(service) as t:
        await t.connect()
        told = diary(t, "*")
        t.close()
        await service.last.say("session.updated", session={})
        await t.aclose()
        assert told == []


@pytest.mark.parametrize(("code", "is_error"), [(1000, False), (1001, True), (1011, True)])
async def test_without_reconnect_the_end_is_final_and_told_as_what_it_was(
    code: int, is_error: bool
) -> None:
    async with scripted() as service, transport(service) as t:
        await t.connect()
        told = diary(t)
        await service.last.connection.close(code)
        await until(lambda: t.status == "disconnected")
        await until(lambda: told[-1][0] == "connection_lost")
        assert ([name for name, _ in told][0] == "error") is is_error
        assert told[-1][1].retry_in_s is None
        await t.connect()


@pytest.mark.parametrize("how", ["cut", "1000", "1001", "1005", "1011", "1008", "1013"])
async def test_a_connection_that_we_did_not_end_comes_back(how: str) -> None:
    pace = Steady()
    async with scripted() as service, transport(service, reconnect=pace) as t:
        await t.connect()
        told = diary(t)
        if how == "cut":
            service.last.cut()
        else:
            await service.last.hang_up(int(how))
        await until(lambda: t.session_id == "s2")
        assert without_errors(told) == [
            ("connection_change", "connecting"),
            ("status", "reconnecting"),
            told[2],
            ("connection_change", "connected"),
            ("connected", None),
            ("status", "connected"),
        ]
        lost = told[2][1]
        assert lost.retry_in_s == 1.0
        assert lost.retry_class == pace.troubles[0]
        assert ("session_ready", "s2") in told
        assert pace.sessions == 2


async def test_the_key_is_asked_again_for_every_connection() -> None:
    keys = iter(["sk-1", "sk-2"])
    async with scripted() as service:
        async with transport(service, api_key=lambda: next(keys), reconnect=Steady()) as t:
            await t.connect()
            service.last.cut()
            await service.visit(2)
            used = [visit.headers["authorization"] for visit in service.visits]
            assert used == ["Bearer sk-1", "Bearer sk-2"]


async def test_the_next_session_knows_the_settings_and_what_was_said() -> None:
    async with scripted() as service, transport(service, reconnect=Steady()) as t:
        await t.connect(initial_session_config={"turn_detection": None})
        t.update_session_config({"instructions": "Be brief."})
        part = {"type": "input_text", "text": "hello"}
        item = {"id": "u1", "type": "message", "role": "user", "content": [part]}
        await service.last.say("conversation.item.added", item=item)
        await until(lambda: len(t._protocol.dialog.history) == 1)
        service.last.cut()
        visit = await service.visit(2)
        await until(lambda: len(visit.received) == 3)
        session = visit.received[0]["session"]
        assert session["instructions"] == "Be brief."
        assert session["audio"]["input"]["turn_detection"] is None
        assert visit.received[1]["item"]["content"] == [part]
        assert visit.received[2]["item"]["role"] == "system"


async def test_a_connection_that_continues_tells_the_next_session_what_was_said() -> None:
    async with scripted() as service, transport(service) as t:
        await t.connect()
        part = {"type": "input_text", "text": "hello"}
        item = {"id": "u1", "type": "message", "role": "user", "content": [part]}
        await service.last.say("conversation.item.added", item=item)
        await until(lambda: len(t._protocol.dialog.history) == 1)
        t.close()
        await t.connect(continues=True)
        await until(lambda: len(service.last.received) == 3)
        assert service.last.received[1]["item"]["content"] == [part]
        t.close()
        await t.connect()
        assert service.last.types() == ["session.update"]


async def test_while_it_reconnects_sound_is_dropped_and_calls_fail() -> None:
    async with scripted() as service, transport(service, reconnect=Steady(60)) as t:
        await t.connect()
        service.last.cut()
        await until(lambda: t.status == "reconnecting")
        assert not t.send_audio(bytes(4800))
        assert t.dropped_ms >= 100
        with pytest.raises(NotConnectedError):
            t.request_response()
        t.mute()
        assert t.muted


async def test_closing_while_it_reconnects_is_final() -> None:
    async with scripted() as service, transport(service, reconnect=Steady(60)) as t:
        await t.connect()
        service.last.cut()
        await until(lambda: t.status == "reconnecting")
        told = diary(t)
        t.close()
        assert t.status == "closed"
        assert told == [*GONE, ("status", "closed")]
        await asyncio.sleep(100)
        assert len(service.visits) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_api_key"), (429, "insufficient_quota")]
)
async def test_reconnecting_ends_where_somebody_has_to_act(status: int, code: str) -> None:
    async with scripted() as service, transport(service, reconnect=Steady()) as t:
        await t.connect()
        told = diary(t)
        service.refusing = lambda: (status, code)
        service.last.cut()
        await until(lambda: t.status == "disconnected")
        await until(lambda: told[-1][0] == "connection_lost" and told[-1][1].retry_in_s is None)
        [error] = [payload for name, payload in told if name == "error"]
        assert (error.status, error.code, error.retryable) == (status, code, False)
        await asyncio.sleep(1000)
        assert service.attempts == 2


async def test_reconnecting_goes_on_through_any_number_of_refusals(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pace = Steady()
    async with scripted() as service, transport(service, reconnect=pace) as t:
        await t.connect()
        refusals = iter([(503, "")] * 20)
        service.refusing = lambda: next(refusals, None)
        service.last.cut()
        await until(lambda: t.session_id == "s2", within_s=100)
        assert pace.troubles == [RetryClass.NETWORK, *[RetryClass.OVERLOAD] * 20]
        warnings = [entry for entry in caplog.records if entry.levelno >= logging.WARNING]
        assert len([entry for entry in warnings if "supervisor" in entry.name]) == 1


async def test_settings_that_the_next_session_refuses_are_told_once() -> None:
    async def reject(visit: Visit, event: Any) -> None:
        error = {"code": "invalid_value", "message": "no voice", "event_id": event["event_id"]}
        await visit.say("error", error=error)

    async with scripted() as service, transport(service, reconnect=Steady()) as t:
        await t.connect()
        told = diary(t, "error", "connection_lost")
        service.on_update = reject
        service.last.cut()
        await until(lambda: len(told) > 2)
        assert [name for name, _ in told] == ["connection_lost", "error", "connection_lost"]
        assert t.status == "disconnected"


async def test_an_expired_session_is_followed_by_another_at_once() -> None:
    pace = Steady(0.0)
    async with scripted() as service, transport(service, reconnect=pace) as t:
        await t.connect()
        error = {"code": "session_expired", "message": "60 minutes"}
        await service.last.say("error", error=error)
        await service.last.connection.close(1001)
        await until(lambda: t.session_id == "s2")
        assert pace.troubles == [RetryClass.EXPIRY]


async def test_quota_that_ends_in_mid_session_is_final() -> None:
    async with scripted() as service, transport(service, reconnect=Steady()) as t:
        await t.connect()
        await service.last.say("error", error={"code": "insufficient_quota", "message": "pay"})
        await service.last.connection.close(1000)
        await until(lambda: t.status == "disconnected")


async def test_a_session_is_renewed_in_a_quiet_moment_before_it_expires() -> None:
    async with scripted() as service, transport(service, reconnect=Steady(0.0)) as t:
        await t.connect(initial_session_config=PUSH_TO_TALK)
        t.send_audio(bytes(4800))
        await asyncio.sleep(3600 - 300 + 10)
        assert len(service.visits) == 1
        t.send_audio(b"", commit=True)
        await until(lambda: t.session_id == "s2")
        assert service.visits[0].connection.close_code == 1000


async def test_the_next_connection_is_open_before_the_old_session_ends() -> None:
    async with scripted() as service, transport(service, reconnect=Steady(60.0)) as t:
        await t.connect()
        await asyncio.sleep(3600 - 300 - 1)
        told = diary(t, "session_ready", "connection_lost")
        began = asyncio.get_running_loop().time()
        await until(lambda: t.session_id == "s2")
        assert asyncio.get_running_loop().time() - began < 2
        assert [name for name, _ in told] == ["connection_lost", "session_ready"]


async def test_a_session_is_not_given_up_while_the_next_cannot_be_had() -> None:
    async with scripted() as service, transport(service, reconnect=Steady(0.0)) as t:
        await t.connect()
        service.refusing = lambda: (503, "")
        await asyncio.sleep(3600 - 120)
        assert (t.status, t.session_id) == ("connected", "s1")
        assert 10 < service.attempts < 30
        service.refusing = lambda: None
        await until(lambda: t.session_id == "s2", within_s=20)


async def test_two_minutes_before_the_end_no_quiet_moment_is_waited_for() -> None:
    async with scripted() as service, transport(service, reconnect=Steady(0.0)) as t:
        await t.connect(initial_session_config=PUSH_TO_TALK)
        t.send_audio(bytes(4800))
        await asyncio.sleep(3600 - 121)
        assert len(service.visits) == 1
        await asyncio.sleep(3)
        assert t.session_id == "s2"


async def test_a_renewal_that_begins_to_talk_waits_with_the_connection_in_hand() -> None:
    async with scripted() as service, transport(service, reconnect=Steady(0.0)) as t:
        await t.connect(initial_session_config=PUSH_TO_TALK)
        service.refusing = letting_in(lambda: t.send_audio(bytes(4800)))
        await asyncio.sleep(3600 - 300 + 10)
        assert len(service.visits) == 2
        assert (t.session_id, service.last.received) == ("s1", [])
        t.send_audio(b"", commit=True)
        await until(lambda: t.session_id == "s2")


async def test_closing_closes_the_connection_of_the_next_session_too() -> None:
    async with scripted() as service, transport(service, reconnect=Steady(0.0)) as t:
        await t.connect(initial_session_config=PUSH_TO_TALK)
        service.refusing = letting_in(lambda: t.send_audio(bytes(4800)))
        await asyncio.sleep(3600 - 300 + 10)
        assert len(service.visits) == 2
        t.close()
        await until(lambda: all(visit.closed for visit in service.visits))


async def test_closing_in_the_step_of_the_change_over_closes_both_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scripted() as service, transport(service, reconnect=Steady(0.0)) as t:
        wait = Renewal.next_socket

        async def closed_meanwhile(renewal: Renewal, left_s: float) -> Socket:
            socket = await wait(renewal, left_s)
            t.close()
            return socket

        monkeypatch.setattr(Renewal, "next_socket", closed_meanwhile)
        await t.connect()
        await asyncio.sleep(3600 - 300 + 10)
        assert len(service.visits) == 2
        assert t.status == "closed"
        assert all(visit.closed for visit in service.visits)


async def test_a_key_that_cannot_be_had_for_the_next_session_harms_nobody() -> None:
    keys = iter(["sk-1"])
    async with scripted() as service:
        options = {"api_key": lambda: next(keys), "reconnect": Steady(0.0)}
        async with transport(service, **options) as t:
            await t.connect()
            await asyncio.sleep(3600 - 10)
            assert (t.status, service.attempts) == ("connected", 1)


async def test_the_end_that_the_service_names_counts() -> None:
    import time

    soon = time.time() + 900  # a date, as the service gives it

    async def acknowledge(visit: Visit, event: Any) -> None:
        await visit.say("session.updated", session={"id": f"s{visit.number}", "expires_at": soon})

    async with scripted() as service, transport(service, reconnect=Steady(0.0)) as t:
        service.on_update = acknowledge
        await t.connect()
        await asyncio.sleep(560)
        assert len(service.visits) == 1
        await asyncio.sleep(60)
        assert len(service.visits) == 2


@pytest.mark.parametrize("years", [-50, -1, 1, 50])
async def test_an_end_of_the_session_that_lies_is_not_believed(years: int) -> None:
    import time

    lie = time.time() + years * 365 * 86_400

    async def acknowledge(visit: Visit, event: Any) -> None:
        await visit.say("session.updated", session={"id": f"s{visit.number}", "expires_at": lie})

    async with scripted() as service, transport(service, reconnect=Steady(0.0)) as t:
        service.on_update = acknowledge
        await t.connect()
        await asyncio.sleep(3600 - 300 - 10)
        assert len(service.visits) == 1
        await until(lambda: t.session_id == "s2")


async def test_a_session_without_reconnect_is_left_to_expire() -> None:
    async with scripted() as service, transport(service) as t:
        await t.connect()
        await asyncio.sleep(4000)
        assert len(service.visits) == 1
        assert t.status == "connected"


@pytest.mark.parametrize(("settle_s", "waited_s"), [(0.0, 10), (2.0, 12), (None, 60)])
async def test_news_of_the_network_shorten_the_wait(
    settle_s: float | None, waited_s: float
) -> None:
    pace = Steady(60)
    pace.settle_s = settle_s
    async with scripted() as service, transport(service, reconnect=pace) as t:
        await t.connect()
        service.last.cut()
        await until(lambda: t.status == "reconnecting")
        loop = asyncio.get_running_loop()
        began = loop.time()
        loop.call_later(10, t.retry_now)
        await until(lambda: len(service.visits) == 2, within_s=100)
        assert loop.time() - began == pytest.approx(waited_s, abs=0.5)
        assert pace.ups == 1


async def test_old_news_of_the_network_do_not_shorten_a_later_wait() -> None:
    pace = Steady(60)
    async with scripted() as service, transport(service, reconnect=pace) as t:
        await t.connect()
        t.retry_now()
        service.last.cut()
        await asyncio.sleep(50)
        assert len(service.visits) == 1


@pytest.mark.parametrize(("settle_s", "waited_s"), [(0.0, 0), (2.0, 2), (None, 63)])
async def test_news_of_the_network_begin_an_attempt_again_that_hangs_in_the_dead_one(
    network: Network, settle_s: float | None, waited_s: float
) -> None:
    pace = Steady(60)
    pace.settle_s = settle_s
    async with scripted() as service, transport(service, reconnect=pace) as t:
        await t.connect()
        service.last.cut()
        await lose_a_handshake(network)
        began = asyncio.get_running_loop().time()
        t.retry_now()
        await until(lambda: len(service.visits) == 2, within_s=100)
        assert asyncio.get_running_loop().time() - began == pytest.approx(waited_s, abs=0.5)
        assert pace.ups == 1


async def test_without_a_pace_news_of_the_network_begin_an_attempt_again(
    network: Network,
) -> None:
    async with scripted() as service, transport(service) as t:
        attempt = asyncio.create_task(t.connect())
        await lose_a_handshake(network)
        began = asyncio.get_running_loop().time()
        t.retry_now()
        await attempt
        assert asyncio.get_running_loop().time() - began < 1


async def test_an_attempt_has_as_long_as_the_pace_allows(network: Network) -> None:
    async with scripted() as service, transport(service, reconnect=Steady()) as t:
        network.stall()
        began = asyncio.get_running_loop().time()
        with pytest.raises(TransportError, match="in time"):
            await t.connect()
        assert asyncio.get_running_loop().time() - began == pytest.approx(3, abs=0.1)


async def test_a_cut_in_the_middle_of_the_opening_is_tried_again_only_later() -> None:
    async def hang_up(visit: Visit, event: Any) -> None:
        visit.cut()

    async with scripted() as service, transport(service, reconnect=Steady()) as t:
        service.on_update = hang_up
        with pytest.raises(TransportError):
            await t.connect()
        assert t.status == "disconnected"
        assert service.attempts == 1


async def test_a_fault_of_ours_does_not_leave_a_transport_that_seems_to_live(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted() as service, transport(service, reconnect=Steady()) as t:
        await t.connect()
        told = diary(t, "error", "disconnected")
        monkeypatch.setattr(t._protocol, "receive", lambda message: 1 / 0)
        await service.last.say("x.y")
        await until(lambda: len(told) == 2)
        assert "ended by a fault of the program" in caplog.text
        assert t.status == "disconnected"


async def test_a_fault_of_ours_fails_the_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted() as service, transport(service) as t:
        monkeypatch.setattr(t._protocol, "opened", lambda: 1 / 0)
        with pytest.raises(TransportError, match="a fault of the program"):
            await t.connect(model="other")
        assert t.current_model != "other"


async def test_a_life_that_somebody_else_cancels_does_not_seem_to_go_on() -> None:
    async with scripted() as service, transport(service) as t:
        await t.connect()
        assert t._supervisor._life is not None
        t._supervisor._life.cancel()
        await until(lambda: t.status == "disconnected")
        await t.connect()


@pytest.mark.parametrize("moment", ["connection_change", "connected", "status", "session_ready"])
async def test_a_listener_may_close_and_connect_again_at_any_moment(moment: str) -> None:
    async with scripted() as service, transport(service) as t:
        again: list[asyncio.Task[None]] = []

        def start_over(_: object = None) -> None:
            t.off(moment, start_over)
            t.close()
            again.append(asyncio.ensure_future(t.connect()))

        t.on(moment, start_over)
        with suppress(TransportError):
            await t.connect()
        await again[0]
        await asyncio.sleep(10)
        assert t.status == "connected"
        assert not service.last.closed


async def test_an_error_of_the_service_that_repeats_the_key_does_not_show_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted() as service, transport(service, api_key="sk-secret") as t:
        await t.connect()
        fault = {"code": "invalid_api_key", "message": "Incorrect API key: sk-secret"}
        await service.last.say("error", error=fault)
        failed = {"id": "r1", "status": "failed", "status_details": {"error": fault}}
        await service.last.say("response.done", response=failed)
        await until(lambda: "the reply is failed: Incorrect API key: …" in caplog.text)
        assert "the service says: Incorrect API key: …" in caplog.text
        assert "sk-secret" not in caplog.text


async def test_a_connection_that_was_closed_stops_no_timer_of_the_next() -> None:
    async with scripted() as service, transport(service, reconnect=Steady()) as t:
        await t.connect()
        rung: list[bool] = []
        t.close()
        t._supervisor._performer.start_timer("next", 1.0, lambda: rung.append(True))
        await until(lambda: rung, within_s=5)


def test_a_plan_shows_no_secret() -> None:
    secret = "sk-secret"
    plan = Plan(f"wss://x/?key={secret}", secret, {"api-key": secret}, lambda: None)
    assert secret not in repr(plan)


async def test_half_a_connection_that_talks_is_noticed_and_replaced(network: Network) -> None:
    async with scripted() as service, transport(service, reconnect=Steady(0.1)) as t:
        await t.connect()
        network.black_hole()
        began = asyncio.get_running_loop().time()
        while t.status == "connected":
            t.send_audio(bytes(1920))
            await asyncio.sleep(0.04)
        assert asyncio.get_running_loop().time() - began <= 6
        network.heal()
        await until(lambda: t.session_id == "s2")
