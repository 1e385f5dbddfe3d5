from __future__ import annotations

from typing import get_args

from pi_voice.core import events, link_events


def test_every_event_of_the_link_has_the_address_of_all_events() -> None:
    kinds = get_args(link_events.LinkEvent)
    assert {kind.__name__ for kind in kinds} <= set(events.__all__)
    assert set(kinds) <= set(get_args(events.Event))
