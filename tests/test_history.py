"""The conversation as we keep it, and as the next session hears it."""

from __future__ import annotations

from typing import Any

import pytest

from pi_voice.transport.history import MOST_CHARS, MOST_ITEMS, REPLAYED_ITEMS, History, difference
from pi_voice.transport.messages import ContentPart, Item, McpApprovalRequest, Message, ToolCall


def said(
    item_id: str, words: str | None, *, previous: str | None = None, role: str = "user"
) -> Message:
    kind = "output_audio" if role == "assistant" else "input_audio"
    part = ContentPart(kind, transcript=words)
    return Message(item_id, role, (part,), "completed", previous)


def ids(history: History) -> list[str]:
    return [item.item_id for item in history]


def full(*items: Item) -> History:
    history = History()
    for item in items:
        history.put(item)
    return history


def words(history: History, item_id: str) -> str | None:
    item = history.get(item_id)
    assert isinstance(item, Message)
    return item.content[0].transcript


def test_items_stand_behind_the_one_they_follow_else_at_the_end() -> None:
    history = full(said("a", "1"), said("b", "2"), said("c", "3", previous="a"))
    history.put(said("d", "4", previous="unknown"))
    history.put(said("e", "5", previous="root"))
    assert ids(history) == ["e", "a", "c", "b", "d"]


def test_an_item_whose_place_is_told_late_moves_there_once() -> None:
    history = full(said("a", "reply", role="assistant"), said("b", "question"))
    history.put(said("a", "reply", previous="b", role="assistant"))
    assert ids(history) == ["b", "a"]
    history.put(said("c", "next", previous="a"))
    history.put(said("a", "reply", previous="c", role="assistant"))
    assert ids(history) == ["b", "a", "c"]


@pytest.mark.parametrize("previous", ["a", "unknown", "root"])
def test_an_item_does_not_move_for_a_place_that_is_none(previous: str) -> None:
    history = full(said("x", "1"), said("a", "2"))
    history.put(said("a", "2", previous=previous))
    assert ids(history) == ["x", "a"]


def test_a_known_item_is_replaced_where_it_stands() -> None:
    history = full(said("a", "1"), said("b", "2"))
    kept = history.put(said("a", "new"))
    assert ids(history) == ["a", "b"]
    assert words(history, "a") == "new"
    assert kept == history.get("a")


def test_a_transcript_that_is_known_survives_a_description_without_it() -> None:
    history = full(said("a", "known", role="assistant"))
    history.put(said("a", None, role="assistant"))
    assert words(history, "a") == "known"
    history.put(Message("a", "assistant", (), "completed"))
    assert words(history, "a") == "known"


def test_the_place_of_an_item_survives_a_description_without_it() -> None:
    history = full(said("a", "1"), said("b", "2", previous="a"))
    assert history.put(said("b", "3")).previous_item_id == "a"


def test_words_arrive_piece_by_piece_and_then_whole() -> None:
    history = full(Message("a", "assistant"))
    for delta in ("Hel", "lo"):
        history.add_transcript("a", 0, delta)
    assert words(history, "a") == "Hello"
    history.set_transcript("a", 0, "Hello!")
    assert words(history, "a") == "Hello!"


def test_words_of_unknown_items_and_parts_are_nothing() -> None:
    history = full(said("a", "1"))
    history.add_transcript("x", 0, "?")
    history.add_transcript("a", -1, "?")
    history.add_transcript("a", 1 << 40, "?")
    assert history.set_transcript("x", 0, "?") is None
    assert history.set_transcript("a", 7, "?") is None
    assert history.cut("x", 0, 0.5) is None
    assert history.cut("a", 7, 0.5) is None
    assert words(history, "a") == "1"


def test_what_the_user_said_completes_the_item() -> None:
    history = full(Message("a", "user", (ContentPart("input_audio"),), "in_progress"))
    message = history.set_transcript("a", 0, "hello")
    assert message is not None
    assert message.status == "completed"


@pytest.mark.parametrize(("share", "left"), [(0.0, ""), (0.5, "01234"), (1.0, "0123456789")])
def test_a_cut_keeps_the_share_that_was_heard(share: float, left: str) -> None:
    history = full(said("a", "0123456789", role="assistant"))
    message = history.cut("a", 0, share)
    assert message is not None
    assert (message.status, message.content[0].truncated) == ("incomplete", True)
    assert message.content[0].transcript == left


def test_what_was_cut_is_not_made_longer_again() -> None:
    history = full(said("a", "0123456789", role="assistant"))
    history.cut("a", 0, 0.5)
    history.add_transcript("a", 0, "more")
    history.set_transcript("a", 0, "0123456789")
    history.put(said("a", "0123456789", role="assistant"))
    assert words(history, "a") == "01234"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_words_that_come_after_the_cut_were_not_heard(share: float) -> None:
    history = full(Message("a", "assistant", (), "in_progress"))
    assert history.cut("a", 0, share) is None
    history.put(said("a", "0123456789", role="assistant"))
    history.put(said("a", "0123456789", role="assistant"))
    assert words(history, "a") is None
    assert history.replay() == []


def test_a_deleted_item_is_gone_and_may_be_deleted_again() -> None:
    history = full(said("a", "1"), said("b", "2"))
    history.delete("a")
    history.delete("a")
    assert ids(history) == ["b"]
    assert len(history) == 1


def test_months_of_talk_stay_small() -> None:
    history = full(*(said(f"i{number}", "word") for number in range(3 * MOST_ITEMS)))
    assert len(history) == MOST_ITEMS
    assert ids(history)[-1] == f"i{3 * MOST_ITEMS - 1}"


def test_large_items_push_out_old_ones_but_never_the_newest() -> None:
    history = full(said("a", "x" * (MOST_CHARS // 2)), said("b", "y" * (MOST_CHARS // 2)))
    history.add_transcript("b", 0, "z")
    assert ids(history) == ["b"]
    history.put(said("c", "x" * (2 * MOST_CHARS)))
    assert ids(history) == ["c"]
    history.clear()
    history.put(said("d", "1"))
    history.put(said("e", "1"))
    assert ids(history) == ["d", "e"]


def test_a_reply_without_end_does_not_grow_without_end() -> None:
    history = full(Message("a", "assistant"))
    for _ in range(5):
        history.add_transcript("a", 0, "x" * (MOST_CHARS // 2))
    assert len(words(history, "a") or "") == MOST_CHARS


def test_a_replay_tells_words_in_order_and_nothing_else() -> None:
    history = full(
        Message("s", "system", (ContentPart("input_text", "Be kind."),)),
        said("u", "hello"),
        said("a", "hi there", role="assistant"),
        said("silent", None),
    )
    events = history.replay()
    assert [event["previous_item_id"] for event in events] == ["root", "s", "u"]
    assert [event["item"]["content"] for event in events] == [
        [{"type": "input_text", "text": "Be kind."}],
        [{"type": "input_text", "text": "hello"}],
        [{"type": "output_text", "text": "hi there"}],
    ]
    assert "status" not in events[0]["item"]


def test_a_replay_tells_only_what_was_heard() -> None:
    history = full(said("a", "0123456789", role="assistant"))
    history.cut("a", 0, 0.3)
    assert history.replay()[0]["item"]["content"] == [{"type": "output_text", "text": "012"}]


def test_a_replay_tells_whole_calls_and_no_half_ones() -> None:
    done = ToolCall("f1", "get_time", "{}", "completed", "12:00", "c1")
    open_call = ToolCall("f2", "get_time", "{}", "in_progress", None, "c2")
    events = full(done, open_call).replay()
    assert [event["item"]["type"] for event in events] == ["function_call", "function_call_output"]
    assert {event["item"]["call_id"] for event in events} == {"c1"}
    assert events[1]["previous_item_id"] == "f1"


def test_a_replay_leaves_out_what_only_the_service_can_make() -> None:
    asked = McpApprovalRequest("m1", "home", "lamp", {})
    called = ToolCall("m2", "lamp", "{}", "completed", "on", None, None, "mcp_call")
    assert full(asked, called).replay() == []


def test_a_replay_shows_images_again() -> None:
    image = Message("u", "user", (ContentPart("input_image", image_url="data:,x"),), "completed")
    [event] = full(image).replay()
    assert event["item"]["content"] == [{"type": "input_image", "image_url": "data:,x"}]


def test_a_replay_is_the_newest_part_of_a_long_conversation() -> None:
    history = full(*(said(f"i{number}", "word") for number in range(200)))
    events = history.replay()
    assert len(events) == REPLAYED_ITEMS
    assert events[-1]["item"]["id"] == "i199"
    assert events[0]["previous_item_id"] == "root"
    long = full(said("old", "x" * 15_000), said("new", "y" * 15_000))
    assert [event["item"]["id"] for event in long.replay()] == ["new"]


def difference_ids(old: list[Any], new: list[Any]) -> tuple[list[str], list[tuple[str, str]]]:
    diff = difference(old, new)
    return list(diff.removed), [(item.item_id, previous) for item, previous in diff.created]


def test_equal_histories_need_nothing() -> None:
    assert difference_ids([said("a", "1")], [said("a", "1")]) == ([], [])


def test_the_state_of_an_item_is_no_difference() -> None:
    old = Message("a", "user", (ContentPart("input_text", "1"),), "in_progress")
    new = Message("a", "user", (ContentPart("input_text", "1"),), "completed", "root")
    assert difference_ids([old], [new]) == ([], [])


def test_changed_items_are_removed_and_made_again_in_their_place() -> None:
    old = [said("a", "1"), said("b", "2"), said("c", "3")]
    new = [said("a", "1"), said("b", "changed"), said("c", "3"), said("d", "4")]
    assert difference_ids(old, new) == (["b"], [("b", "a"), ("d", "c")])


def test_removed_items_go_first_in_their_order() -> None:
    old = [said("a", "1"), said("b", "2"), said("c", "3")]
    assert difference_ids(old, [said("b", "new")]) == (["a", "c", "b"], [("b", "root")])


def test_calls_can_be_removed_but_not_made() -> None:
    call = ToolCall("f1", "get_time", "{}", "completed", "12:00", "c1")
    assert difference_ids([call], []) == (["f1"], [])
    diff = difference([], [call])
    assert (diff.removed, diff.created, diff.unsupported) == ((), (), ("f1",))
    changed = ToolCall("f1", "get_time", "{}", "completed", "13:00", "c1")
    assert difference([call], [changed]).removed == ()


def test_items_without_words_are_not_made() -> None:
    assert difference_ids([], [said("a", None), said("b", "2")]) == ([], [("b", "root")])


def test_mappings_are_understood_as_well() -> None:
    content = [{"type": "output_audio", "transcript": "hi"}]
    new = {"item_id": "a", "type": "message", "role": "assistant", "content": content}
    assert difference_ids([], [new, "nonsense"]) == ([], [("a", "root")])
