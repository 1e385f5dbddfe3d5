"""The embedded service: the whole protocol."""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.services.stdio import answer
from pi_voice.sim.server import EmbeddedService


async def main() -> None:
    async with EmbeddedService() as service:

        def cancels() -> dict[str, Any]:
            """When a client's cancel arrived, by response, in the newest session."""
            return {
                cancel.response_id: cancel.at_s
                for cancel in service.sessions[-1].cancels
                if cancel.reason == "client_cancelled"
            }

        await answer(service.url, {"cancels": cancels})


if __name__ == "__main__":
    asyncio.run(main())
