from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pi_voice.core.events import Remembered
from pi_voice.state import LAZY_S, RETRY_S, Memory, StateFile

PATIENCE_S = 30


def test_a_box_that_never_ran_remembers_nothing(tmp_path: Path) -> None:
    memory = Memory(StateFile(tmp_path / "new"))
    assert (memory.muted, memory.spent) == (False, {})


def test_what_was_saved_is_read_again(tmp_path: Path) -> None:
    StateFile(tmp_path).save({"muted": True, "spent": {"day_s": 1.5}})
    memory = Memory(StateFile(tmp_path))
    assert (memory.muted, memory.spent) == (True, {"day_s": 1.5})


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-20],
        lambda text: text.replace("true", "false"),
        lambda text: "\0" * len(text),
        lambda text: text + "more\n",
        lambda text: '{"muted": false}',
    ],
)
def test_a_damaged_copy_is_not_believed(tmp_path: Path, damage: Callable[[str], str]) -> None:
    file = StateFile(tmp_path)
    file.save({"muted": True, "n": 1})
    file.save({"muted": True, "n": 2})
    current = tmp_path / "state"
    current.write_text(damage(current.read_text()))
    assert file.load() == {"muted": True, "n": 1}


def test_a_box_that_lost_its_memory_starts_muted(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("rubbish")
    (tmp_path / "state.old").write_bytes(b"\xff\xfe")
    assert Memory(StateFile(tmp_path)).muted


class PowerCutError(OSError):
    """The process ends here."""


STEPS = ("dumps", "open", "fsync", "replace", "replace", "open folder", "fsync folder")


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_power_cut_at_any_step_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    file = StateFile(tmp_path)
    old, new = {"muted": True, "n": 1}, {"muted": True, "n": 2}
    file.save({"muted": True, "n": 0})
    file.save(old)
    countdown = iter([*([False] * step), True])

    def cut_before(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            if next(countdown, False):
                raise PowerCutError
            return real(*args, **named)

        return call

    monkeypatch.setattr("builtins.open", cut_before(open))
    monkeypatch.setattr(json, "dumps", cut_before(json.dumps))
    for name in ("fsync", "replace", "open"):
        monkeypatch.setattr(os, name, cut_before(getattr(os, name)))
    with pytest.raises(PowerCutError):
        file.save(new)
    monkeypatch.undo()
    assert file.load() in (old, new)


SAVER = """
import sys
from pathlib import Path
from pi_voice.state import StateFile
file, n = StateFile(Path(sys.argv[1])), (StateFile(Path(sys.argv[1])).load() or {}).get("n", 0)
while True:
    n += 1
    file.save({"muted": True, "n": n})
    print(n, flush=True)
"""


def kill_while_saving(folder: Path, times: int) -> None:
    dice, last = random.Random(4), 0
    for _ in range(times):
        saver = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert saver.stdout is not None
        for _ in range(dice.randrange(1, 20)):
            last = int(saver.stdout.readline())
        saver.send_signal(signal.SIGKILL)
        last = max([last, *map(int, saver.stdout.read().split())])
        saver.wait(PATIENCE_S)
        saver.stdout.close()
        facts = StateFile(folder).load()
        assert facts is not None
        assert facts["muted"]
        assert facts["n"] in (last, last + 1)


def test_a_kill_in_the_middle_of_a_save_tears_nothing(tmp_path: Path) -> None:
    kill_while_saving(tmp_path, 8)


@pytest.mark.long
def test_two_hundred_kills_in_the_middle_of_a_save_tear_nothing(tmp_path: Path) -> None:
    kill_while_saving(tmp_path, 200)


async def remembered(memory: Memory, times: int = 1) -> None:
    reports = memory.events()
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(times):
            assert await anext(reports) == Remembered()


async def test_mute_is_on_disk_before_it_is_told(tmp_path: Path) -> None:
    async with Memory(StateFile(tmp_path)) as memory:
        memory.remember(True)
        await remembered(memory)
        assert StateFile(tmp_path).load() == {"muted": True}


async def test_the_last_wish_is_the_one_that_is_kept(tmp_path: Path) -> None:
    async with Memory(StateFile(tmp_path)) as memory:
        for muted in (True, False, True, False):
            memory.remember(muted)
        await remembered(memory, times=4)
    assert StateFile(tmp_path).load() == {"muted": False}


@pytest.mark.virtual
async def test_counters_wait_and_are_written_at_the_end(tmp_path: Path) -> None:
    async with Memory(StateFile(tmp_path)) as memory:
        reading = asyncio.create_task(read(memory))
        memory.note_spent(lambda: {"day_s": 1.0})
        await asyncio.sleep(LAZY_S - 1)
        assert StateFile(tmp_path).load() == {}
        memory.note_spent(lambda: {"day_s": 2.0})
        reading.cancel()
    assert StateFile(tmp_path).load() == {"spent": {"day_s": 2.0}}


@pytest.mark.virtual
async def test_mute_does_not_wait_for_the_counters(tmp_path: Path) -> None:
    clock = asyncio.get_running_loop().time
    async with Memory(StateFile(tmp_path)) as memory:
        waiting = asyncio.ensure_future(anext(memory.events()))
        memory.note_spent(lambda: {"day_s": 1.0})
        await asyncio.sleep(1)
        began_s = clock()
        memory.remember(True)
        assert await waiting == Remembered()
        assert clock() - began_s < LAZY_S - 1
        assert StateFile(tmp_path).load() == {"muted": True, "spent": {"day_s": 1.0}}


async def read(memory: Memory) -> None:
    """Be the daemon: read as long as there is something."""
    async for _ in memory.events():
        pass


class FullDisk(StateFile):
    """Takes nothing until there is room."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.is_full = True
        self.tries = 0

    def save(self, facts: object) -> None:
        self.tries += 1
        if self.is_full:
            raise OSError(28, "No space left on device")


async def test_a_full_disk_is_told_and_stops_nobody(tmp_path: Path) -> None:
    disk = FullDisk(tmp_path)
    async with Memory(disk) as memory:
        for muted in (True, False):
            memory.remember(muted)
            await remembered(memory)
        assert disk.tries == 2
        assert memory.trouble == "No space left on device"
        disk.is_full = False
        memory.remember(True)
        await remembered(memory)
        assert memory.trouble == ""


@pytest.mark.virtual
async def test_without_a_disk_everything_is_remembered_for_this_run() -> None:
    async with Memory() as memory:
        memory.remember(True)
        await remembered(memory)


def test_a_state_that_cannot_be_read_is_no_first_start(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()  # whatever the disk says instead of giving the file
    assert Memory(StateFile(tmp_path)).muted


def test_only_a_clear_word_is_believed(tmp_path: Path) -> None:
    StateFile(tmp_path).save({"muted": "no", "spent": ["many"]})
    memory = Memory(StateFile(tmp_path))
    assert (memory.muted, memory.spent) == (False, {})


def test_facts_of_another_shape_are_not_believed(tmp_path: Path) -> None:
    StateFile(tmp_path).save({"muted": True})
    StateFile(tmp_path).save([])  # type: ignore[arg-type]  # what a wrong version might leave
    assert StateFile(tmp_path).load() == {"muted": True}


@pytest.mark.parametrize("folder", ["/proc/pi-voice", "/dev/null/pi-voice"])
async def test_a_folder_that_cannot_be_made_stops_nobody(folder: str) -> None:
    async with Memory(StateFile(Path(folder))) as memory:
        assert not memory.muted
        memory.remember(True)
        await remembered(memory)
        assert memory.trouble


class SlowDisk(StateFile):
    """Takes what it is given when the test lets it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.allowed = threading.Event()
        self.saved: list[object] = []

    def save(self, facts: Mapping[str, Any]) -> None:
        self.allowed.wait(PATIENCE_S)
        self.saved.append(facts.get("muted"))


async def test_a_disk_that_hangs_holds_nobody_and_gets_the_last_wish(tmp_path: Path) -> None:
    disk = SlowDisk(tmp_path)
    async with Memory(disk) as memory:
        memory.remember(True)
        waiting = asyncio.create_task(remembered(memory, times=3))
        await asyncio.sleep(0.05)
        memory.remember(False)
        memory.remember(True)
        assert not waiting.done()
        disk.allowed.set()
        await waiting
    assert disk.saved == [True, True]


async def test_the_end_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    disk = SlowDisk(tmp_path)
    async with Memory(disk) as memory:
        memory.remember(True)
    assert disk.saved == []
    disk.allowed.set()


async def test_a_wish_without_anybody_to_tell_is_kept_at_the_end(tmp_path: Path) -> None:
    async with Memory(StateFile(tmp_path)) as memory:
        memory.remember(True)
    assert StateFile(tmp_path).load() == {"muted": True}


class WrongDisk(StateFile):
    """Fails in a way that nobody foresaw."""

    def save(self, facts: object) -> None:
        raise RuntimeError("can't start new thread")


async def test_a_fault_of_ours_is_not_silent(tmp_path: Path) -> None:
    memory = Memory(WrongDisk(tmp_path))
    memory.remember(True)
    with pytest.raises(RuntimeError):
        await remembered(memory)


@pytest.mark.virtual
async def test_a_full_disk_is_tried_every_ten_minutes(tmp_path: Path) -> None:
    disk = FullDisk(tmp_path)
    async with Memory(disk) as memory:
        reading = asyncio.create_task(read(memory))
        memory.remember(True)
        await asyncio.sleep(RETRY_S * 6 + 1)
        assert disk.tries in (6, 7)
        disk.is_full = False
        await asyncio.sleep(RETRY_S + LAZY_S)
        assert not memory.trouble
        reading.cancel()


@pytest.mark.virtual
async def test_counters_are_written_once_a_minute_and_not_at_every_word(tmp_path: Path) -> None:
    disk = FullDisk(tmp_path)
    disk.is_full = False
    async with Memory(disk) as memory:
        reading = asyncio.create_task(read(memory))
        for _ in range(600):
            memory.note_spent(lambda: {"day_s": disk.tries})
            await asyncio.sleep(1.0)
        assert 9 <= disk.tries <= 10
        reading.cancel()


async def test_what_a_full_disk_did_not_take_is_tried_once_more_at_the_end(tmp_path: Path) -> None:
    disk = FullDisk(tmp_path)
    async with Memory(disk) as memory:
        memory.remember(True)
        await remembered(memory)
        disk.is_full = False
    assert disk.tries == 2
