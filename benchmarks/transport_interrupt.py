"""From the call of `interrupt()` to `response.cancel` at the service, in another process."""

from __future__ import annotations

from benchmarks.figures import Effort, Figure, Goal, Of
from benchmarks.processes import Service, client, service

PRESSES = 20  # in one session
MOMENTS = ("before sound", "in mid-reply")
LIMITED_BY = "the service's process has to wake up to take the time: look at the floor beside it"


async def measure(effort: Effort) -> list[Figure]:
    figures = []
    async with service("embedded") as embedded:
        for moment in MOMENTS:
            times = Presses(embedded, moment)
            for _ in range(effort.of(5, 1)):
                await times.take()
            figures += times.figures()
    return figures


class Presses:
    """Interruptions at one moment of a reply, while sound goes up."""

    def __init__(self, embedded: Service, moment: str) -> None:
        self._embedded = embedded
        self._moment = moment
        self._after_ms: dict[str, list[float]] = {"layer": [], "floor": []}
        self._seen: list[float] = []
        self._late_ms: list[float] = []

    async def take(self) -> None:
        for name, after_ms in self._after_ms.items():
            job = {"url": self._embedded.url, "moment": self._moment, "presses": PRESSES}
            said = await client(f"{name}_press", **job)
            arrived_s = await self._embedded.ask("cancels")
            pressed_s = said["pressed"]
            seen = [response for response in pressed_s if response in arrived_s]
            after_ms += [1000 * (arrived_s[key] - pressed_s[key]) for key in seen]
            if name == "layer":
                self._seen.append(len(seen))
                self._late_ms.append(said["late_ms"])

    def figures(self) -> list[Figure]:
        name = f"interrupt {self._moment}"
        return [
            Figure(
                f"{name} → response.cancel",
                "ms",
                self._after_ms["layer"],
                self._after_ms["floor"],
                Goal(Of.P99, 4.0),
                LIMITED_BY,
                paired=False,
            ),
            Figure(f"{name}: cancels", f"of {PRESSES}", self._seen, goal=Goal(Of.LEAST, PRESSES)),
            Figure(f"{name}: sound after it", "ms", self._late_ms, goal=Goal(Of.MOST, 0.0)),
        ]
