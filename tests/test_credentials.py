from __future__ import annotations

from pathlib import Path

import pytest

from pi_voice.credentials import KeyFile
from pi_voice.errors import LinkError


def test_the_key_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "api_key"
    path.write_text("first\n")
    key = KeyFile(path, {})
    assert key() == "first"
    path.write_text("second\n")
    assert key() == "second"


def test_the_credential_of_systemd_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "api_key").write_text("from systemd\n")
    key = KeyFile(tmp_path / "other", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert key() == "from systemd"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_without_a_key_it_says_where_to_put_one(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "api_key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LinkError) as caught:
        KeyFile(path, {})()
    assert str(caught.value) == (
        f"there is no key in {path}. Put it there, alone on one line; then: "
        "sudo systemctl restart pi-voice"
    )


def test_the_key_is_not_in_its_description(tmp_path: Path) -> None:
    path = tmp_path / "api_key"
    path.write_text("sk-secret")
    assert "sk-secret" not in repr(KeyFile(path, {}))
