"""The parts of the README that come from the code.

`python -m tests.readme` writes them anew; the tests hold them equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from pi_voice.config import markdown_table
from pi_voice.core.states import TRANSITIONS
from pi_voice.hardware import patterns

README = Path(__file__).parent.parent / "README.md"


def state_diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> idle"]
    for turn, steps in TRANSITIONS.items():
        lines += [f"    {turn} --> {new}: {step}" for step, new in steps.items()]
    return "\n".join([*lines, "```"])


SECTIONS: dict[str, Callable[[], str]] = {
    "config": markdown_table,
    "lights": patterns.markdown_table,
    "turns": state_diagram,
}


def section(text: str, name: str) -> str:
    """What stands between the marks of a section."""
    begin, end = _span(text, name)
    return text[begin:end]


def _span(text: str, name: str) -> tuple[int, int]:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    assert found, f"README.md has no section {name}"
    return found.span(1)


def updated(text: str) -> str:
    """The README with every section made anew."""
    for name, make in SECTIONS.items():
        begin, end = _span(text, name)
        text = text[:begin] + make().strip() + text[end:]
    return text


if __name__ == "__main__":
    README.write_text(updated(README.read_text()))
