"""The rules of the house, held against every file; each rule is shown to be able to fail."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

import pi_voice
from tests import house

ROOT = Path(__file__).parent.parent
TOP_LEVEL = (
    ".ci .gitignore CHANGELOG.md LICENSE README.md benchmarks config install.sh pi_voice "
    "pyproject.toml systemd tests"
)
MOCKS_ALLOWED = {"test_portaudio.py", "test_gpio.py"}  # there the C library itself is replaced
# modules without a test file of their own, and why
UNTESTED = {
    "ports": "protocols only: nothing runs",
    "core.events": "dataclasses only: nothing runs",
    "core.actions": "dataclasses only: nothing runs",
    "transport.effects": "structs only: nothing runs",
    "transport.downlink": "the link's half that listens, tested with the other in test_link.py",
}


def name_of(path: Path) -> str:
    """The module's name below pi_voice: `core.device`, `cli`; a package is `core.__init__`."""
    return ".".join(path.relative_to(ROOT / "pi_voice").with_suffix("").parts)


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def tracked() -> list[str]:
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(git, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip(f"not a git checkout: {listed.stderr.strip()}")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


MODULES = [pytest.param(path, id=name_of(path)) for path in python_files("pi_voice")]
SOURCES = [
    pytest.param(path, id=str(path.relative_to(ROOT)))
    for path in python_files("pi_voice", "tests", "benchmarks")
]


@pytest.mark.parametrize("path", MODULES)
def test_a_module_imports_only_in_the_direction_of_the_house(path: Path) -> None:
    source = path.read_text()
    assert house.wrong_imports(source, name_of(path)) == []
    assert house.wrong_libraries(source, name_of(path)) == []


@pytest.mark.parametrize("path", MODULES)
def test_a_module_has_no_memory_and_no_clock_that_jumps(path: Path) -> None:
    assert house.shared_state(path.read_text()) == []
    assert house.wall_clock(path.read_text()) == []


@pytest.mark.parametrize("path", MODULES)
def test_a_module_stays_short(path: Path) -> None:
    assert house.too_long(path.read_text()) == []


@pytest.mark.parametrize("path", SOURCES)
def test_functions_stay_small(path: Path) -> None:
    assert house.too_big(path.read_text()) == []


@pytest.mark.parametrize("path", SOURCES)
def test_whoever_silences_a_tool_says_why(path: Path) -> None:
    assert house.silent_exceptions(path.read_text()) == []


@pytest.mark.parametrize("path", SOURCES)
def test_mocks_stand_only_where_a_c_library_is_replaced(path: Path) -> None:
    assert path.name in MOCKS_ALLOWED or house.mocks(path.read_text()) == []


def test_every_module_has_its_test_file() -> None:
    tests = {path.name for path in python_files("tests")}
    modules = {name_of(path) for path in python_files("pi_voice") if path.name != "__init__.py"}
    assert sorted(m for m in modules - UNTESTED.keys() if not house.has_test(m, tests)) == []
    assert modules >= UNTESTED.keys()


def test_the_top_level_holds_what_was_agreed() -> None:
    assert {name.split("/")[0] for name in tracked()} <= set(TOP_LEVEL.split())


def test_no_file_speaks_of_its_making() -> None:
    contents = {name: (ROOT / name).read_bytes() for name in tracked()}
    texts = {name: data.decode() for name, data in contents.items() if b"\0" not in data}
    found = {name: house.foreign_words(text) for name, text in texts.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None
    assert project["version"] == pi_voice.__version__ == newest[1]


@pytest.mark.skipif(not (ROOT / "pi_voice" / "cli.py").exists(), reason="no command line yet")
def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    script = "import sys, pi_voice.cli; print(*sys.modules)"
    python = [sys.executable, "-c", script]
    loaded = subprocess.run(python, capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) & {"numpy", "websockets", "gpiozero", "pyaudio", "webrtcvad"} == set()


def test_the_shipped_recording_is_short_speech_between_silences() -> None:
    """Made with espeak-ng and sox.

    espeak-ng -v en-us -s 150 -w raw.wav "Hello. Please tell me what you can hear."
    sox raw.wav -D -r 16000 cut.wav rate -v silence 1 1s 0.1% reverse
        silence 1 1s 0.1% fade 0.005 reverse fade 0.005
    sox cut.wav -D -b 16 hello.wav gain 1.93 pad 0.1 0.1   (speech at -20 dB below full scale)
    """
    path = ROOT / "pi_voice" / "sim" / "hello.wav"
    with wave.open(str(path)) as recording:
        shape = (recording.getnchannels(), recording.getsampwidth(), recording.getframerate())
        pcm = recording.readframes(recording.getnframes())
    assert shape == (1, 2, 16_000)
    assert 3 <= len(pcm) / 32_000 <= 4
    assert path.stat().st_size <= 150_000
    assert not any(pcm[:3_200] + pcm[-3_200:])
    assert any(pcm[3_200:3_840])


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.device", "from pi_voice.ports import Link"),
        ("core.device", "def late():\n    import pi_voice.errors"),
        ("core.device", "from ..bridge import Mailbox"),
        ("ports", "from pi_voice import daemon"),
        ("audio.vad", "from pi_voice.transport.wire import Audio"),
        ("audio.vad", "from pi_voice.core import device"),
        ("sim.server", "if TYPE_CHECKING:\n    import pi_voice.build"),
        ("daemon", "from pi_voice.build import Parts"),
        ("daemon", "import pi_voice.audio.playback"),
        ("build", "from pi_voice.cli import main"),
        ("demo", "from pi_voice import cli"),
        ("cellar", "import os"),
    ],
)
def test_an_import_against_the_direction_is_seen(module: str, source: str) -> None:
    assert house.wrong_imports(source, module) != []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.device", "from .events import Event\nfrom pi_voice.frames import FRAME_MS"),
        ("audio.vad", "from pi_voice.core import events\nfrom . import resample"),
        ("transport.link", "from pi_voice.core.actions import Play\nimport pi_voice_other"),
        ("build", "from pi_voice import __version__, audio, config, daemon"),
        ("__main__", "from pi_voice.cli import main"),
    ],
)
def test_an_import_in_the_direction_is_allowed(module: str, source: str) -> None:
    assert house.wrong_imports(source, module) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("daemon", "import threading"),
        ("transport.websocket_client", "from threading import Thread"),
        ("sim.hardware", "import numpy as np"),
        ("core.device", "from numpy.typing import NDArray"),
        ("transport.protocol", "import asyncio"),
        ("transport.history_items", "from asyncio import Queue"),
    ],
)
def test_a_library_in_the_wrong_place_is_seen(module: str, source: str) -> None:
    assert house.wrong_libraries(source, module) != []
    assert house.wrong_libraries(source, "audio.portaudio") == []


LONG_DOCSTRING = 'def f():\n    """Short.\n' + "\n" * 50 + '    """\n' + "    pass\n" * 37


@pytest.mark.parametrize(
    ("check", "bad", "good"),
    [
        (house.too_long, "x = 1\n" * 351, "x = 1\n" * 350),
        (house.too_big, "def f():\n" + "    pass\n" * 40, "def f():\n" + "    pass\n" * 39),
        (house.too_big, LONG_DOCSTRING + "    pass\n" * 3, LONG_DOCSTRING + "    pass\n" * 2),
        (house.too_big, "def f(a, b, c, d, e, g): ...", "def f(self, a, b, c, d, e, *, g): ..."),
        (house.mocks, "from unittest import mock", "import unittest"),
        (house.mocks, "from unittest.mock import Mock", "from pi_voice.sim import mock"),
        (house.shared_state, "def f():\n    global x\n    x = 1", "x = 1"),
        (house.shared_state, "cache: dict[str, int] = {}", "TABLE: dict[str, int] = {}"),
        (house.shared_state, "seen = []", "__all__ = []\nclass C:\n    seen = []"),
        (house.silent_exceptions, "x = 1  # noqa: F401", "x = 1  # noqa: F401 - tests patch it"),
        (house.silent_exceptions, "x = 1  # noqa - because of reasons", "x = '# noqa'"),
        (
            house.silent_exceptions,
            "x = 1  # type: ignore[misc]",
            "x = 1  # type: ignore[misc]  # the stub says None",
        ),
        (house.wall_clock, "t = time.time()", "t = time.time()  # the protocol wants it"),
        (house.wall_clock, "t = datetime.now(UTC)", "t = loop.time()  # not time.time()"),
        (house.foreign_words, "# TO" + "DO later", "# to do what is due"),
        (house.foreign_words, "see /ro" + "ot/notes", "see docs/ro" + "ot/notes and $ROOT"),
        (house.foreign_words, "as in issue" + " 3", "no issue with 3 frames"),
    ],
)
def test_what_breaks_a_rule_is_seen(check: Callable[[str], list[str]], bad: str, good: str) -> None:
    assert len(check(bad)) == 1
    assert check(good) == []


def test_a_module_without_its_test_file_is_seen() -> None:
    tests = {"test_device.py", "test_sim_server.py", "test_link_replies.py"}
    assert house.has_test("core.device", tests)
    assert house.has_test("sim.server", tests)
    assert house.has_test("transport.link", tests)
    assert not house.has_test("sim.dev", tests)
    assert not house.has_test("server", tests)
