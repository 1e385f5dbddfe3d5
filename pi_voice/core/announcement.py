"""A text that somebody outside lets the box say."""

from __future__ import annotations

from collections.abc import Iterator

from pi_voice.core import actions as do
from pi_voice.core import events as ev
from pi_voice.core.actions import Action
from pi_voice.core.conversation import USER, Conversation

UNSPOKEN = do.Warn("a text was not spoken: somebody talks, or the service is away")


class Announcement:
    """Speaks over a reply if need be, but never over the user, and never late."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._text = ""

    def on_say(self, event: ev.Say) -> Iterator[Action]:
        if self._conversation.turn in USER or self._conversation.reach.trouble:
            yield UNSPOKEN
            return
        yield from self._conversation.interrupt()
        yield from self._conversation.wake()
        self._text = event.text

    def settle(self) -> Iterator[Action]:
        """As soon as there is a session; who hears it after an outage would not know why."""
        reach = self._conversation.reach
        is_near = reach.is_hoping and not reach.budget_spent
        if not self._text or is_near or self._conversation.turn in USER:
            return
        if reach.is_online and not reach.budget_spent:
            yield do.PrepareSpeaker()
            yield do.Say(self._text)
        else:
            yield UNSPOKEN
        self._text = ""
