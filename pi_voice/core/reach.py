"""Whether a question would be answered now, and if not, why."""

from __future__ import annotations

from pi_voice.core.events import LinkFault
from pi_voice.core.failures import Failure
from pi_voice.core.states import Connection

HOPING = (Connection.STARTING, Connection.WAVERING)
PASSING = (LinkFault.NETWORK, LinkFault.SERVICE)  # most are over before anybody notices
FAILURES = {
    LinkFault.NETWORK: Failure.NO_NETWORK,
    LinkFault.SERVICE: Failure.SERVICE_DOWN,
    LinkFault.REFUSED: Failure.KEY_REFUSED,
    LinkFault.QUOTA: Failure.QUOTA_SPENT,
    LinkFault.CLOCK: Failure.CLOCK_WRONG,
    LinkFault.CERTIFICATE: Failure.CERTIFICATE,
    LinkFault.CONFIG: Failure.MISCONFIGURED,
}


class Reach:
    """The connection as its user meets it, and the budget that may forbid to use it.

    Attributes:
        connection: What the user can expect of the service.
        budget_spent: The owner allows no turn for now.
    """

    def __init__(self, *, hope: Connection = Connection.WAVERING) -> None:
        """Begin without a session.

        Args:
            hope: What a lost session is at first: wavering where what is said meanwhile is kept.
        """
        self.connection = Connection.STARTING
        self._hope = hope
        self.budget_spent = False
        self._failure: Failure | None = Failure.NO_NETWORK

    @property
    def is_online(self) -> bool:
        return self.connection is Connection.ONLINE

    @property
    def is_hoping(self) -> bool:
        """A session is near: what is said now is kept for it."""
        return self.connection in HOPING

    @property
    def trouble(self) -> Failure | None:
        """Why what is said now would not be answered; None if it would."""
        if self.budget_spent:
            return Failure.BUDGET_SPENT
        return self.missing if self.connection is Connection.FAILING else None

    @property
    def missing(self) -> Failure | None:
        """Why there is no session, even if that may pass soon; None if one comes when needed."""
        return self._failure if self.is_hoping or self.connection is Connection.FAILING else None

    def up(self) -> None:
        """A session is open; the next trouble is a new one."""
        self.connection = Connection.ONLINE
        self._failure = Failure.NO_NETWORK

    def down(self, fault: LinkFault) -> bool:
        """There is no session; True if that is no longer hoped to pass."""
        self._failure = FAILURES[fault]
        if self.is_online:
            self.connection = self._hope
        if fault not in PASSING:
            self.connection = Connection.FAILING
        return self.connection is Connection.FAILING

    def give_up(self) -> None:
        """It takes longer than a question is kept."""
        self.connection = Connection.FAILING
        self._failure = self._failure or Failure.NO_NETWORK

    def sleep(self) -> None:
        """Nobody talks: the session is closed until somebody does."""
        self.connection = Connection.ASLEEP

    def wake(self) -> None:
        """Somebody talks: a session comes soon, and nothing speaks against it yet."""
        self.connection = self._hope
        self._failure = None
