"""What the parts tell the benchmark: one line of JSON each, on stdout, which the daemon leaves."""

from __future__ import annotations

import json
import os
import time
from typing import Any


def note(what: str, **facts: Any) -> None:
    """Write it at once and whole, from any thread; `at_s` is now unless it is given."""
    line = json.dumps({"what": what, "at_s": time.monotonic(), **facts})
    os.write(1, f"{line}\n".encode())
