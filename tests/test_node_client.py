"""The JavaScript client of the Agents SDK on the embedded service, over its WebSocket transport."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from pi_voice.sim.server import EmbeddedService

HERE = Path(__file__).parent / "node"
OLDEST_NODE = 18  # the oldest that these versions of the packages were seen to run on
PATIENCE_S = 60.0


def too_old(version: str) -> bool:
    found = re.match(r"v(\d+)", version)
    return not found or int(found[1]) < OLDEST_NODE


def missing() -> str:
    """Why the client cannot run here; empty if it can."""
    for name in ("node", "npm"):
        if not shutil.which(name):
            return f"there is no {name} here; install Node {OLDEST_NODE} or newer"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    return f"node {version} is older than {OLDEST_NODE}" if too_old(version) else ""


@pytest.fixture(scope="module")
def client_dir() -> Path:
    """The client with its packages, installed once for all checkouts of this user."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    pinned = (HERE / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pi-voice"
    installed = cache / f"node-{hashlib.sha256(pinned).hexdigest()[:16]}"
    if not installed.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="node-", dir=cache))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, fresh)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=fresh, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        try:
            fresh.rename(installed)  # whole or not at all: others may be looking
        except OSError:
            shutil.rmtree(fresh)  # another run was quicker
    return installed


async def test_node_speaks_hears_interrupts_calls_a_function_and_updates(
    client_dir: Path, tmp_path: Path
) -> None:
    shutil.copy(HERE / "parrot.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(client_dir / "node_modules")
    async with EmbeddedService() as service:
        process = await asyncio.create_subprocess_exec(
            "node",
            "parrot.mjs",
            service.url,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                said, complaints = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, complaints.decode()
        found = json.loads(said)
        assert found.pop("truncated_at_ms") >= 0
        assert found == {
            "parrot": True,
            "interrupted": "client_cancelled",
            "said": "noon",
            "asked": ["UTC"],
            "instructions": "Be brief.",
            "turn_detection": None,
            "errors": [],
        }
        assert [turn.status for turn in service.sessions[0].turns] == ["completed", "cancelled"]


@pytest.mark.parametrize(("version", "old"), [("v18.20.8", False), ("v16.1.0", True), ("", True)])
def test_an_old_node_is_told_from_a_new_one(version: str, old: bool) -> None:
    assert too_old(version) is old
