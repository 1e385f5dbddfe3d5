"""The same job through the realtime WebSocket model of `openai-agents`."""

from __future__ import annotations

import asyncio

from agents.realtime import RealtimeModelListener
from agents.realtime.model_events import RealtimeModelEvent
from agents.realtime.model_inputs import RealtimeModelSendAudio, RealtimeModelSendRawMessage
from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel

from benchmarks.clients.pace import Job, Report, frames, job
from benchmarks.clients.source import stream


class Ear(RealtimeModelListener):
    def __init__(self, report: Report) -> None:
        self.updated = asyncio.Event()
        self._report = report

    async def on_event(self, event: RealtimeModelEvent) -> None:
        if event.type == "audio":
            self._report.hear()
        elif event.type == "raw_server_event" and event.data.get("type") == "session.updated":
            self.updated.set()


async def main(job: Job) -> None:
    report = Report()
    ear = Ear(report)
    batches = frames(job.frame_ms, job.for_s)
    model = OpenAIRealtimeWebSocketModel()
    model.add_listener(ear)
    await model.connect({"api_key": "none", "url": job.url, "initial_model_settings": {}})
    await ear.updated.wait()
    report.ready()
    if job.duplex:
        await model.send_event(RealtimeModelSendRawMessage(message={"type": "response.create"}))

    async def send(pcm: bytes) -> None:
        await model.send_event(RealtimeModelSendAudio(audio=pcm))

    await stream(send, job, report, batches)
    report.tell()
    await model.close()


if __name__ == "__main__":
    asyncio.run(main(Job(**job())))
