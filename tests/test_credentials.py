from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pi_voice.credentials import KeyFile
from pi_voice.errors import LinkError

NOBODY = 65_534  # on every Linux


def test_the_key_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "api_key"
    path.write_text("first\n")
    key = KeyFile(path, {})
    assert key() == "first"
    path.write_text("second\n")
    assert key() == "second"


def test_the_credential_of_systemd_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "api_key").write_text("of-systemd\n")
    key = KeyFile(tmp_path / "other", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert key() == "of-systemd"


@pytest.mark.parametrize("content", [None, b"", b"\n"])
def test_without_a_key_it_says_where_to_put_one(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "api_key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LinkError) as caught:
        KeyFile(path, {})()
    assert str(caught.value) == (
        f"there is no key in {path}. Put the key there, alone on one line; then: "
        "sudo systemctl restart pi-voice"
    )


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"my key: sk-secret\n", "holds more than one word"),
        (b"sk-secret\nsk-older\n", "holds more than one word"),
        (b"sk-s\xc3\xa9cret\n", "holds letters that no key has"),
        (b"\xff\xfes\x00k\x00", "is no text"),
    ],
)
def test_what_cannot_be_a_key_is_told_with_its_file(
    tmp_path: Path, content: bytes, fact: str
) -> None:
    path = tmp_path / "api_key"
    path.write_bytes(content)
    with pytest.raises(LinkError, match=f"^{re.escape(str(path))} {fact}. Put the key") as caught:
        KeyFile(path, {})()
    assert "sk-" not in str(caught.value)


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can be somebody else"
)
def test_a_key_that_others_keep_to_themselves_is_told_with_its_owner(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("public") / "api_key"
    for folder in list(path.parents)[:3]:
        folder.chmod(0o755)
    path.write_text("sk-secret")
    path.chmod(0o600)
    code = "import sys; from pi_voice.credentials import *; KeyFile(Path(sys.argv[1]), {})()"
    nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    words = (*nobody, sys.executable, "-c", code, str(path))
    said = subprocess.run(words, capture_output=True, text=True, check=False).stderr
    assert said.splitlines()[-1] == (
        f"pi_voice.credentials.KeyForbiddenError: {path} may not be read by nobody: it is root's "
        "with mode 600. Use sudo"
    )


def test_the_key_is_not_in_its_description(tmp_path: Path) -> None:
    path = tmp_path / "api_key"
    path.write_text("sk-secret")
    assert "sk-secret" not in repr(KeyFile(path, {}))
