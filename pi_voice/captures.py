"""Who holds a capture handle, as the kernel tells it in /proc."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
HANDLE = re.compile(r"/dev/snd/pcmC(\d+)D(\d+)c")  # the trailing c is for capture, p for playback
STREAM = re.compile(r"card(\d+)/pcm(\d+)c/")
OWNER = re.compile(r"^owner_pid\s*:\s*(\d+)", re.MULTILINE)
GROUP_LEADER = re.compile(r"^Tgid:\s*(\d+)", re.MULTILINE)
PARENT = re.compile(r"^PPid:\s*(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Capture:
    """One process at one microphone.

    Attributes:
        pid: The process.
        program: Its name, "?" if it cannot be seen.
        device: The microphone, as ALSA numbers it, for example "hw:1,0".
    """

    pid: int
    program: str
    device: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What could be seen, and what not.

    Attributes:
        captures: Every capture handle.
        hidden: Processes that did not let us look at their handles.
        kernel_tells: The sound driver's own list was there; whoever captures is on it.
    """

    captures: tuple[Capture, ...]
    hidden: frozenset[int]
    kernel_tells: bool

    def held_by(self, processes: frozenset[int]) -> tuple[Capture, ...]:
        return tuple(capture for capture in self.captures if capture.pid in processes)

    def is_sure_of(self, processes: frozenset[int]) -> bool:
        """True if no handle of theirs could have been overlooked."""
        return self.kernel_tells or not self.hidden & processes


def look(proc: Path = PROC) -> Seen:
    """Find every capture handle; as root all of them, else what the kernel lets us see."""
    found, hidden = set[Capture](), set[int]()
    for pid in _processes(proc):
        try:
            found.update(Capture(pid, _program(proc, pid), name) for name in _handles(proc, pid))
        except PermissionError:
            hidden.add(pid)
        except OSError:  # it ended while we looked
            continue
    found.update(_streams(proc))
    return Seen(tuple(sorted(found)), frozenset(hidden), (proc / "asound").is_dir())


def family(pid: int, proc: Path = PROC) -> frozenset[int]:
    """A process, its children, and theirs."""
    parents = {child: _number(PARENT, proc / str(child) / "status") for child in _processes(proc)}
    members = {pid}
    while more := {child for child, parent in parents.items() if parent in members} - members:
        members |= more
    return frozenset(members)


def report(seen: Seen, ours: frozenset[int]) -> Iterator[str]:
    """What was seen, in sentences.

    Args:
        seen: By `look`.
        ours: The processes of the box.
    """
    is_root = os.geteuid() == 0
    held = seen.held_by(ours)
    for capture in held:
        yield f"{_who(capture)} of the box holds a capture handle of {capture.device}."
    if not held and seen.is_sure_of(ours):
        yield f"No process of the box holds a capture handle ({_pids(ours)})."
    elif not held:
        fix = "even root may not look here" if is_root else "look with sudo"
        yield f"Nobody can say who captures ({_pids(ours)} cannot be seen); {fix}."
    for capture in seen.captures:
        if capture not in held:
            yield f"{_who(capture)}, another program, captures from {capture.device}."
    if seen.hidden and not seen.kernel_tells:
        more = "" if is_root else "; root sees most"
        yield f"Processes that could not be looked into: {len(seen.hidden)}{more}."


def _who(capture: Capture) -> str:
    return f"Process {capture.pid} ({capture.program})"


def _pids(pids: frozenset[int]) -> str:
    return f"process {', '.join(map(str, sorted(pids)))}"


def _processes(proc: Path) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(proc) if name.isdecimal())
    except OSError:
        return []


def _handles(proc: Path, pid: int) -> Iterator[str]:
    """Microphones among the open files of a process.

    Raises:
        OSError: It is another user's, or it ended.
    """
    folder = proc / str(pid) / "fd"
    for name in os.listdir(folder):
        try:
            match = HANDLE.match(os.readlink(folder / name))
        except FileNotFoundError:  # closed while we looked
            continue
        if match:
            yield f"hw:{match[1]},{match[2]}"


def _streams(proc: Path) -> Iterator[Capture]:
    """Capture streams that the sound driver has open; it names the thread that opened each."""
    for path in sorted((proc / "asound").glob("card*/pcm*c/sub*/status")):
        match, thread = STREAM.search(path.as_posix()), _number(OWNER, path)
        if match and thread is not None:
            pid = _number(GROUP_LEADER, proc / str(thread) / "status") or thread
            yield Capture(pid, _program(proc, pid), f"hw:{match[1]},{match[2]}")


def _number(pattern: re.Pattern[str], path: Path) -> int | None:
    try:
        match = pattern.search(path.read_text(errors="replace"))
    except OSError:
        return None
    return int(match[1]) if match else None


def _program(proc: Path, pid: int) -> str:
    try:
        return (proc / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return "?"
