"""What stands for the microphone and the speaker of `wyoming-satellite`: its two commands."""

from __future__ import annotations

import sys
import time
from itertools import count
from pathlib import Path

from benchmarks.clients.pace import BYTES_PER_MS, DELTA_MS, FRAME_MS, mark, noise


def microphone(file: Path) -> None:
    """Numbered frames at the pace of a card; when it began stands in the file."""
    quiet, begin_s = noise(FRAME_MS), time.monotonic()
    file.write_text(str(begin_s))
    for number in count():
        due_s = begin_s + (number + 1) * FRAME_MS / 1000
        time.sleep(max(0.0, due_s - time.monotonic()))
        sys.stdout.buffer.write(mark(quiet, number))
        sys.stdout.buffer.flush()


def speaker(file: Path) -> None:
    """Takes what it gets; when each piece was whole stands in the file."""
    with file.open("w") as told:
        while sys.stdin.buffer.read(DELTA_MS * BYTES_PER_MS):
            told.write(f"{time.monotonic()}\n")
            told.flush()


if __name__ == "__main__":
    {"microphone": microphone, "speaker": speaker}[sys.argv[1]](Path(sys.argv[2]))
