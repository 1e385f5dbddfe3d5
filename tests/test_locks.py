from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pi_voice.locks import is_ours


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield handle
    finally:
        os.close(handle)


def test_a_folder_is_one_program_s_until_it_is_closed(tmp_path: Path) -> None:
    with opened(tmp_path) as first:
        assert is_ours(first)
        with opened(tmp_path) as second:
            assert not is_ours(second)
    with opened(tmp_path) as third:
        assert is_ours(third)
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with opened(tmp_path) as handle:
        assert is_ours(handle)
