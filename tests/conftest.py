"""Which event loop a test runs on, and the network that it reaches there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from pi_voice.sim.clock import VirtualLoop
from pi_voice.sim.network import Network

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, LoopFactory]:
    """Give tests marked `virtual` a loop whose time is simulated."""
    if item.get_closest_marker("virtual"):
        return {"virtual": VirtualLoop}
    return {"real": asyncio.new_event_loop}


@pytest.fixture
async def network() -> Network:
    """The network of a test marked `virtual`."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop.network
