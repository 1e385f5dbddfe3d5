from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pi_voice.captures import Capture, family, look, report

BOX, CHILD, SERVER = 812, 813, 40


class Kernel:
    """A made-up /proc."""

    def __init__(self, proc: Path) -> None:
        self.proc = proc
        for pid, program, parent in (
            (1, "systemd", 0),
            (SERVER, "pipewire", 1),
            (BOX, "pi-voice", 1),
            (CHILD, "aplay", BOX),
        ):
            self.start(pid, program, parent)

    def start(self, pid: int, program: str, parent: int) -> None:
        folder = self.proc / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text(f"{program}\n")
        (folder / "status").write_text(f"Name:\t{program}\nTgid:\t{pid}\nPPid:\t{parent}\n")
        self.open(pid, "/dev/null")

    def open(self, pid: int, path: str) -> None:
        folder = self.proc / str(pid) / "fd"
        (folder / str(len(os.listdir(folder)))).symlink_to(path)

    def thread(self, tid: int, of: int) -> None:
        """A thread: not listed, but there for whoever knows it (here both is one)."""
        folder = self.proc / f"{tid}"
        folder.mkdir()
        (folder / "status").write_text(f"Tgid:\t{of}\nPPid:\t1\n")

    def card(self, stream: str, owner: int | None = None) -> None:
        folder = self.proc / "asound" / stream / "sub0"
        folder.mkdir(parents=True, exist_ok=True)
        running = f"state: RUNNING\nowner_pid   : {owner}\ntrigger_time: 12.3\n"
        (folder / "status").write_text("closed\n" if owner is None else running)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def test_a_box_with_its_microphone_closed_holds_nothing(kernel: Kernel) -> None:
    kernel.card("card0/pcm0c")
    kernel.open(BOX, "/dev/snd/controlC0")
    kernel.open(BOX, "/dev/snd/pcmC0D0p")
    ours = family(BOX, kernel.proc)
    assert list(report(look(kernel.proc), ours)) == [
        "No process of the box holds a capture handle (process 812, 813)."
    ]


@pytest.mark.parametrize("pid", [BOX, CHILD])
def test_a_handle_of_the_box_or_of_a_child_is_found(kernel: Kernel, pid: int) -> None:
    kernel.open(pid, "/dev/snd/pcmC1D0c")
    seen = look(kernel.proc)
    program = "pi-voice" if pid == BOX else "aplay"
    assert seen.held_by(family(BOX, kernel.proc)) == (Capture(pid, program, "hw:1,0"),)
    assert next(report(seen, family(BOX, kernel.proc))) == (
        f"Process {pid} ({program}) of the box holds a capture handle of hw:1,0."
    )


def test_a_handle_of_an_unplugged_card_is_still_a_handle(kernel: Kernel) -> None:
    kernel.open(BOX, "/dev/snd/pcmC1D0c (deleted)")
    assert look(kernel.proc).held_by(frozenset({BOX})) != ()


def test_another_program_that_captures_is_named_once(kernel: Kernel) -> None:
    kernel.open(SERVER, "/dev/snd/pcmC0D0c")
    kernel.card("card0/pcm0c", owner=SERVER)
    assert list(report(look(kernel.proc), frozenset({BOX})))[1:] == [
        "Process 40 (pipewire), another program, captures from hw:0,0."
    ]


def test_the_thread_that_opened_a_card_belongs_to_its_process(kernel: Kernel) -> None:
    kernel.thread(899, of=BOX)
    kernel.card("card2/pcm1c", owner=899)
    assert look(kernel.proc).captures == (Capture(BOX, "pi-voice", "hw:2,1"),)


def test_an_owner_that_is_not_to_be_seen_is_told_by_its_number(kernel: Kernel) -> None:
    kernel.card("card0/pcm0c", owner=4711)
    assert look(kernel.proc).captures == (Capture(4711, "?", "hw:0,0"),)


def test_the_grandchildren_belong_to_the_family(kernel: Kernel) -> None:
    kernel.start(900, "sh", CHILD)
    kernel.start(901, "sh", SERVER)
    assert family(BOX, kernel.proc) == {BOX, CHILD, 900}


def hide(kernel: Kernel, monkeypatch: pytest.MonkeyPatch, *pids: int) -> None:
    """Let nobody look at the handles of these; root may look at everything, so by hand."""
    real = os.listdir

    def listdir(path: Path) -> list[str]:
        if path in [kernel.proc / str(pid) / "fd" for pid in pids]:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)


@pytest.mark.parametrize(
    ("uid", "fix", "more"),
    [
        (1000, "look with sudo", "; root sees most"),
        (0, "even root may not look here", ""),
    ],
)
def test_what_could_not_be_seen_is_no_proof(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, uid: int, fix: str, more: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    hide(kernel, monkeypatch, BOX, 1)
    seen = look(kernel.proc)
    assert not seen.is_sure_of(frozenset({BOX}))
    assert list(report(seen, frozenset({BOX}))) == [
        f"Nobody can say who captures (process 812 cannot be seen); {fix}.",
        f"Processes that could not be looked into: 2{more}.",
    ]


def test_the_kernels_own_list_is_proof_enough_for_everybody(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(kernel, monkeypatch, BOX)
    kernel.card("card0/pcm0c")
    assert list(report(look(kernel.proc), frozenset({BOX}))) == [
        "No process of the box holds a capture handle (process 812)."
    ]


def test_a_process_that_ends_while_we_look_is_no_fault(kernel: Kernel) -> None:
    shutil.rmtree(kernel.proc / str(CHILD) / "fd")
    (kernel.proc / str(SERVER) / "status").unlink()
    assert look(kernel.proc).captures == ()
    assert family(BOX, kernel.proc) == {BOX, CHILD}


def test_nothing_is_sure_where_nothing_can_be_seen(tmp_path: Path) -> None:
    assert look(tmp_path / "none").captures == ()
    assert family(BOX, tmp_path / "none") == {BOX}


def test_this_machines_own_processes_can_be_looked_at() -> None:
    assert os.getpid() in family(os.getppid())
    assert look().held_by(frozenset({os.getpid()})) == ()
