"""Which function calls still want an answer, and whether the answer may still be given."""

from __future__ import annotations

from enum import Enum, auto

MOST_CALLS = 256  # a program that never answers shall not grow for months


class Answer(Enum):
    """What may be done with the output of a call."""

    SEND = auto()
    SEND_QUIETLY = auto()  # the user interrupted since: no reply may start by itself
    DROP = auto()  # the session that asked is gone; the new one does not know the call


class ToolCalls:
    """Function calls of this session, and of sessions that ended."""

    def __init__(self) -> None:
        self._open: dict[str, Answer] = {}
        self._asked: dict[str, None] = {}

    def ask(self, call_id: str) -> bool:
        """A call is complete; False if it was reported before, so it must not run again."""
        if call_id in self._asked:
            return False
        self._asked[call_id] = None
        self._open[call_id] = Answer.SEND
        for kept in (self._asked, self._open):
            if len(kept) > MOST_CALLS:
                del kept[next(iter(kept))]
        return True

    def answer(self, call_id: str) -> Answer:
        """What may be done with the output; a call that we never saw may be answered."""
        return self._open.pop(call_id, Answer.SEND)

    def interrupt(self) -> None:
        for call_id, answer in self._open.items():
            if answer is Answer.SEND:
                self._open[call_id] = Answer.SEND_QUIETLY

    def reset(self) -> None:
        """The connection is gone."""
        self._asked.clear()
        for call_id in self._open:
            self._open[call_id] = Answer.DROP
