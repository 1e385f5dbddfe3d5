"""Rules that hold however calls, events of the service and cuts of the line interleave."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pi_voice.transport.contracts import TransportStatus
from tests.dialogue import MS, Room
from tests.modelled import ModelService

VAD = {"turn_detection": {"type": "server_vad"}}


class Conversation(RuleBasedStateMachine):
    """A client, a service that keeps the protocol, and a line between them that is never in step.

    What must hold: nothing of a reply is heard after it was interrupted; no sound leaves while
    muted; no part is truncated twice or beyond what arrived; every request is answered, or was
    interrupted, or went down with its connection; and nothing ever waits for ever.
    """

    named_errors = True

    def __init__(self) -> None:
        super().__init__()
        self.room = Room(wants=lambda name: name in ("audio", "audio_interrupted"))
        self.sessions = 0
        self.silenced: set[str] = set()
        self.begun: list[str] = []
        self.connect(VAD)

    def connect(self, config: dict[str, Any]) -> None:
        self.room.connect(config)
        self._new_session()

    def _new_session(self) -> None:
        self.sessions += 1
        self.service = ModelService(self.sessions, named_errors=self.named_errors)
        self.wishes: dict[str, bool] = {}  # manual requests by their ids, and if interrupted
        self.asked = self.answered = self.forgiven = 0  # automatic requests
        self.covers: dict[str, int] = {}  # automatic requests that a create answers
        self.truncated: set[str] = set()
        self.arrived_ms: dict[str, int] = {}
        self.flying: set[str] = set()
        self.silence_next = False  # the reply that was asked for, when it begins

    def flush(self) -> None:
        """Look at what the client just did."""
        self.room.perform()
        for event in self.room.sent:
            self._check_sent(event)
            self.service.inbox.append(event)
        self.room.sent.clear()
        for name, payload in self.room.told:
            if name == "audio":
                assert payload.response_id not in self.silenced
        self.room.told.clear()

    def _check_sent(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "response.create":
            self.flying.add(event["event_id"])
            if event["event_id"] not in self.wishes:
                self.covers[event["event_id"]] = self.asked
        elif kind == "input_audio_buffer.append":
            assert not self.room.dialog.uplink.muted
        elif kind == "conversation.item.truncate":
            item = event["item_id"]
            assert item not in self.truncated
            assert 0 <= event["audio_end_ms"] <= self.arrived_ms[item]
            self.truncated.add(item)

    # -- the program

    @rule()
    def ask(self) -> None:
        self.asked += 1
        self.room.calls.request_response(None)
        self.flush()

    @rule()
    def ask_with_a_wish(self) -> None:
        name = f"wish{self.sessions}_{len(self.wishes)}"
        self.wishes[name] = False
        self.room.calls.send_event({"type": "response.create", "event_id": name})
        self.flush()

    @rule(cancel=st.booleans())
    def interrupt(self, cancel: bool) -> None:
        self._silence()
        self.room.protocol.interrupt(cancel=cancel)
        self.flush()

    @rule()
    def cancel_for_a_slow_speaker(self) -> None:
        self._silence()
        self.room.dialog.cancel()
        self.flush()

    def _silence(self) -> None:
        responses = self.room.dialog.responses
        if responses.ongoing and responses.active_id is not None:
            self.silenced.add(responses.active_id)
        self.silence_next = self.silence_next or responses.awaited
        for name in self.flying:
            if name in self.wishes:
                self.wishes[name] = True
            self.forgiven = max(self.forgiven, self.covers.get(name, 0))

    @rule(ms=st.integers(-5, 400))
    def truncate_what_a_slow_speaker_played(self, ms: int) -> None:
        for part in self.room.dialog.heard.position():
            self.room.dialog.truncate(part.item_id, part.content_index, float(ms))
        self.flush()

    @rule(ms=st.integers(1, 300))
    def play(self, ms: int) -> None:
        for part in self.room.dialog.heard.position()[:1]:
            self.room.dialog.heard.on_played(part.item_id, part.content_index, 24 * ms)

    @rule(ms=st.integers(0, 100), raw=st.booleans())
    def say(self, ms: int, raw: bool) -> None:
        if raw:
            event = {"type": "input_audio_buffer.append", "audio": "AAAA" * ms}
            self.room.calls.send_event(event)
        else:
            self.room.calls.send_audio(memoryview(MS * ms))
        self.flush()

    @rule(muted=st.booleans())
    def mute(self, muted: bool) -> None:
        self.room.calls.mute(muted=muted)
        self.flush()

    # -- the service

    @precondition(lambda self: self.service.inbox)
    @rule()
    def service_looks(self) -> None:
        self.service.work()

    @precondition(lambda self: self.service.active is None)
    @rule()
    def service_answers_by_itself(self) -> None:
        self.service.begin()

    @precondition(lambda self: self.service.active is not None)
    @rule(ms=st.integers(1, 200))
    def service_speaks(self, ms: int) -> None:
        self.service.speak(ms)

    @precondition(lambda self: self.service.active is not None)
    @rule()
    def service_finishes(self) -> None:
        self.service.finish()

    @rule()
    def service_hears_speech(self) -> None:
        self.service.hear_speech()

    @precondition(lambda self: self.service.outbox)
    @rule()
    def event_arrives(self) -> None:
        event = self.service.outbox.popleft()
        kind = event.pop("type")
        if kind == "response.output_audio.delta":
            item, ms = event["item_id"], event["ms"]
            self.arrived_ms[item] = self.arrived_ms.get(item, 0) + ms
            self.room.speaks(ms, event["response_id"], item)
        else:
            if kind == "input_audio_buffer.speech_started":
                active = self.room.dialog.responses.active_id
                self.silenced.update({active} if active else ())
            elif kind == "response.created" and self.silence_next:
                self.silence_next = False
                self.silenced.add(event["response"]["id"])
            elif kind == "error":
                self.flying.discard(event["error"]["event_id"])
            self.room.says(kind, **event)
        self.flush()

    # -- the line

    @rule()
    def line_is_cut(self) -> None:
        self.room.protocol.lost(TransportStatus.RECONNECTING)
        self._new_session()
        self.room.perform()
        assert self.room.sent == []
        self.room.protocol.opened()
        self.room.acknowledge(f"s{self.sessions}")
        assert [event["type"] for event in self.room.sent] == ["session.update"]
        self.room.forget()

    @rule()
    def silence_is_waited_out(self) -> None:
        """The guard may only give up on a service that has nothing more to say."""
        if not self.service.inbox and not self.service.outbox and self.service.active is None:
            self.room.protocol.guard()
            self.flush()

    @invariant()
    def nothing_waits_to_be_performed(self) -> None:
        assert not self.room.protocol.effects

    def teardown(self) -> None:
        """When everything arrived and every reply ended, every request was answered."""
        service = self.service
        for _ in range(10_000):
            if service.inbox:
                self.service_looks()
            elif service.outbox:
                self.event_arrives()
            elif service.active is not None:
                self.service_finishes()
            else:
                break
        assert not self.room.dialog.responses.stalled
        if not self.named_errors:
            return  # which request was refused is then a guess
        for name in service.accepted:
            self.answered = max(self.answered, self.covers.get(name, 0))
        assert max(self.answered, self.forgiven) == self.asked
        for name, interrupted in self.wishes.items():
            assert interrupted or service.accepted.count(name) == 1


class NamelessErrors(Conversation):
    """The same with a service that does not say which request it refuses."""

    named_errors = False


TestConversation = Conversation.TestCase
TestNamelessErrors = NamelessErrors.TestCase
for case in (TestConversation, TestNamelessErrors):
    case.settings = settings(
        max_examples=100, stateful_step_count=60, deadline=None, derandomize=True
    )
