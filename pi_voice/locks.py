"""One program at a time in a folder; a lock that is on no disk, and that no kill leaves behind."""

from __future__ import annotations

import fcntl


def is_ours(folder: int) -> bool:
    """Lock an open folder until it is closed; False if another program has it.

    Where a file system knows no locks, whoever asks has it.
    """
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
