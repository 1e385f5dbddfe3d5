"""Words that every part of the embedded service shares: wire events, refusals, ids."""

from __future__ import annotations

from typing import Any

Wire = dict[str, Any]  # one event of the Realtime protocol, as JSON gives it


class Rejected(Exception):
    """A client event that the service answers with an `error` event; the session goes on.

    Attributes:
        code: The protocol's word for the fault, as clients compare it.
        message: The sentence the real service sends.
        param: Path of the offending field, if there is one.
    """

    def __init__(self, code: str, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param

    def event(self, event_id: str | None) -> Wire:
        """The `error` event that answers the client event with this id."""
        return error_event(self.code, self.message, param=self.param, event_id=event_id)


def error_event(
    code: str,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    event_id: str | None = None,
) -> Wire:
    error = {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
    return {"type": "error", "error": error}


class Names:
    """Ids that no two sessions share, and no two services one after the other.

    Args:
        session: Its number in the life of the service.
        born_s: When the service began, on the loop's clock: simulated time repeats the ids.
    """

    def __init__(self, session: int, born_s: float) -> None:
        self._prefix = f"{int(born_s * 1000):x}s{session}"
        self._count = 0

    def new(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._prefix}n{self._count:05}"
