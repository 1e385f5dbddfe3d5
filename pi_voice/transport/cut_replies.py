"""Replies that were cut: whatever still arrives of their sound must not be heard."""

from __future__ import annotations

MOST_CUT = 256  # replies and items whose late sound is still kept away


class CutReplies(dict[str | None, bool]):
    """By the name of a reply or an item, whether it has ended; None is a reply without a name.

    A name stays when its reply has ended, since sound may come late, and until the service begins
    another reply by the same name.
    """

    def add(self, name: str | None) -> None:
        self.setdefault(name, False)
        if len(self) > MOST_CUT:
            del self[next(iter(self))]

    def began(self, name: str | None) -> None:
        """A reply began; it is not the old one that had its name and ended."""
        if self.get(name):
            del self[name]

    def ended(self, name: str | None) -> None:
        """A reply ended; the next one without a name is another one."""
        if name is None:
            self.pop(None, None)
        elif name in self:
            self[name] = True
