"""How soon to try again. Pure: the time, the link's changes and the dice come in from outside."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from enum import StrEnum


class RetryClass(StrEnum):
    """What kind of trouble it is; it decides the pace, never the number of tries.

    Attributes:
        NETWORK: The way to the service is broken, or it hiccups.
        OVERLOAD: The service asks for patience, or what it says makes no sense.
        AUTH: It does not accept the key.
        TERMINAL: Somebody has to act: pay, or change the configuration.
        EXPIRY: The session reached its maximum age; nothing is wrong.
    """

    NETWORK = "network"
    OVERLOAD = "overload"
    AUTH = "auth"
    TERMINAL = "terminal"
    EXPIRY = "expiry"


_BY_CODE = {
    "session_expired": RetryClass.EXPIRY,
    "rate_limit_exceeded": RetryClass.OVERLOAD,
    "inference_rate_limit_exceeded": RetryClass.OVERLOAD,
    "requests_limit_exceeded": RetryClass.OVERLOAD,
    "tokens_limit_exceeded": RetryClass.OVERLOAD,
    "server_overloaded": RetryClass.OVERLOAD,
    "token_unavailable": RetryClass.OVERLOAD,
    "invalid_api_key": RetryClass.AUTH,
    "invalid_token": RetryClass.AUTH,
    "token_expired": RetryClass.AUTH,
    "insufficient_quota": RetryClass.TERMINAL,
    "billing_hard_limit_reached": RetryClass.TERMINAL,
    "billing_not_active": RetryClass.TERMINAL,
    "account_deactivated": RetryClass.TERMINAL,
    "model_not_found": RetryClass.TERMINAL,
    "unsupported_model": RetryClass.TERMINAL,
    "beta_api_shape_disabled": RetryClass.TERMINAL,
    "unknown_parameter": RetryClass.TERMINAL,
    "missing_required_parameter": RetryClass.TERMINAL,
    "invalid_type": RetryClass.TERMINAL,
    "invalid_value": RetryClass.TERMINAL,
}
_BY_CLOSE_CODE = {
    # We and the service do not understand each other: no use in hurrying (RFC 6455 §7.4.1).
    1002: RetryClass.OVERLOAD,
    1003: RetryClass.OVERLOAD,
    1007: RetryClass.OVERLOAD,
    1008: RetryClass.OVERLOAD,
    1009: RetryClass.OVERLOAD,
    1010: RetryClass.OVERLOAD,
    1013: RetryClass.OVERLOAD,  # "try again later"
    3000: RetryClass.AUTH,  # "unauthorized" in IANA's registry of close codes
    3003: RetryClass.AUTH,  # "forbidden", the same
}


def classify(
    *, code: str | None = None, status: int | None = None, close_code: int | None = None
) -> RetryClass:
    """Judge by what is known, the most exact fact first; without any it is the network.

    Args:
        code: What the service calls the error, in an event or in the body of a refusal.
        status: The HTTP status of a refused handshake.
        close_code: The WebSocket close code; success codes say nothing, so they are network.
    """
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status is not None:
        return _by_status(status)
    return _BY_CLOSE_CODE.get(close_code or 0, RetryClass.NETWORK)


def _by_status(status: int) -> RetryClass:
    if status in (401, 403, 407):
        return RetryClass.AUTH
    if status in (429, 503, 529):
        return RetryClass.OVERLOAD
    # 408 and 425 ask for the same request again; 511 is the login page of a network.
    if 400 <= status < 500 and status not in (408, 425):
        return RetryClass.TERMINAL
    return RetryClass.NETWORK


AT_ONCE_S = 0.25  # spreads the devices behind one router a little
WORKING_S = 60.0  # a session that lived so long has proved that all is well again
QUICK_S = 5.0  # a session that dies sooner was none
QUICK_FAILURES = 3
HURRY_S = 300.0  # most outages at home are a router that restarts
HURRY_CAP_S = 2.0
NETWORK_CAP_S = 30.0
OVERLOAD_S, OVERLOAD_CAP_S = 5.0, 300.0
AUTH_S, AUTH_CAP_S = 60.0, 1800.0
TERMINAL_S, TERMINAL_CAP_S = 900.0, 3600.0
RETRY_AFTER_CAP_S = 3600.0  # a typing error at their side must not park a device for a year
PHASE_S = 60.0  # a fleet that was refused together comes back spread over a minute
FLAPS, FLAP_WINDOW_S, STABLE_S = 3, 60.0, 2.0
HURRIED_OPEN_S, PATIENT_OPEN_S = 2.0, 10.0
WORSE = {  # for sessions that open and die at once, again and again
    RetryClass.EXPIRY: RetryClass.OVERLOAD,
    RetryClass.NETWORK: RetryClass.OVERLOAD,
    RetryClass.OVERLOAD: RetryClass.AUTH,
    RetryClass.AUTH: RetryClass.TERMINAL,
}


class Pace:
    """When to connect again, for ever: slower the longer it fails, reset by success.

    All times are seconds of one monotonic clock that the caller reads.
    """

    def __init__(self, draw: Callable[[], float], *, phase: float = 0.0) -> None:
        """Start rested.

        Args:
            draw: Gives a random number in [0, 1).
            phase: Where this device stands in the fleet, in [0, 1); the same at every start.
        """
        self._draw = draw
        self._phase = phase
        self._tries: Counter[RetryClass] = Counter()
        self._down_since: float | None = None
        self._up_since: float | None = None
        self._quick = 0
        self._cause = RetryClass.NETWORK
        self._flaps: deque[float] = deque(maxlen=FLAPS)

    def session_began(self, now_s: float) -> None:
        self._up_since = now_s

    def session_ended(self, now_s: float, *, wanted: bool = False) -> None:
        """Learn from how long it lived; without a session before, nothing happens.

        Args:
            now_s: When.
            wanted: We ended it ourselves, so that a short life proves nothing.
        """
        if self._up_since is None:
            return
        lived_s = now_s - self._up_since
        self._up_since = None
        if not wanted:
            self._quick = self._quick + 1 if lived_s < QUICK_S else 0
        if lived_s >= WORKING_S:
            self._rest()

    def link_up(self, now_s: float) -> float | None:
        """Learn that the network is back.

        Returns:
            How long to wait from now on: nothing, or a moment for the link to settle when it came
            up three times within a minute. None if the network was not the trouble: keep waiting.
        """
        self._flaps.append(now_s)
        if self._cause is not RetryClass.NETWORK:
            return None
        self._rest()
        flapping = len(self._flaps) == FLAPS and now_s - self._flaps[0] <= FLAP_WINDOW_S
        return STABLE_S if flapping else 0.0

    def next_delay_s(
        self, trouble: RetryClass, now_s: float, *, retry_after_s: float | None = None
    ) -> float:
        """Count one failure and say how long to wait before the next try.

        Args:
            trouble: What went wrong.
            now_s: When.
            retry_after_s: What the service asked for; never undercut, up to an hour.
        """
        if self._down_since is None:
            self._down_since = now_s
        self._cause = trouble
        if self._quick >= QUICK_FAILURES:
            trouble = WORSE.get(trouble, trouble)
        tries = self._tries[trouble]
        self._tries[trouble] += 1
        if retry_after_s is not None:
            asked_s = min(max(retry_after_s, 0.0), RETRY_AFTER_CAP_S)
            return asked_s * (1 + self._draw() / 10)
        return self._delay_s(trouble, tries, now_s - self._down_since)

    def open_timeout_s(self, now_s: float) -> float:
        """How long the next attempt may take.

        Early in an outage short, because the way may be free a moment later; but every third
        attempt is patient, for mobile networks whose handshake alone takes seconds.
        """
        hurried = self._down_since is not None and now_s - self._down_since < HURRY_S
        return HURRIED_OPEN_S if hurried and self._tries.total() % 3 else PATIENT_OPEN_S

    def _delay_s(self, trouble: RetryClass, tries: int, down_s: float) -> float:
        if trouble is RetryClass.EXPIRY:
            return self._draw() * AT_ONCE_S
        if trouble is RetryClass.NETWORK:
            cap_s = HURRY_CAP_S if down_s < HURRY_S else NETWORK_CAP_S
            return self._draw() * _doubled(AT_ONCE_S, tries, cap_s)
        if trouble is RetryClass.OVERLOAD:
            return self._draw() * _doubled(OVERLOAD_S, tries, OVERLOAD_CAP_S)
        if trouble is RetryClass.AUTH:
            # The first refusal may only mean that a short-lived key ran out: fetch a fresh one.
            return self._draw() if tries == 0 else self._spread(AUTH_S, tries - 1, AUTH_CAP_S)
        return self._spread(TERMINAL_S, tries, TERMINAL_CAP_S)

    def _spread(self, first_s: float, tries: int, cap_s: float) -> float:
        jitter = 0.9 + 0.2 * self._draw()
        return _doubled(first_s, tries, cap_s) * jitter + self._phase * PHASE_S

    def _rest(self) -> None:
        self._tries.clear()
        self._down_since = None
        self._quick = 0


def _doubled(first_s: float, tries: int, cap_s: float) -> float:
    return float(min(first_s * 2 ** min(tries, 32), cap_s))
