"""Which event loop a test runs on, and the network that it reaches there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import settings

from pi_voice.sim.clock import VirtualLoop
from pi_voice.sim.network import Network
from pi_voice.transport import calls, dialog
from pi_voice.transport.effects import Send
from tests.wire_truth import check_client_event

# A busy machine is no fault, and every run tries the same.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")

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


@pytest.fixture(autouse=True)
def _true_to_the_wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold whatever the transport sends, in any test, against the published types.

    Tests marked `off_the_wire` let programs send what no service would take.
    """
    if request.node.get_closest_marker("off_the_wire"):
        return

    def checked(data: bytes, audio_ms: float = 0.0) -> Send:
        check_client_event(json.loads(data))
        return Send(data, audio_ms)

    for module in (calls, dialog):
        monkeypatch.setattr(module, "Send", checked)
