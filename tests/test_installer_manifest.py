from __future__ import annotations

from pathlib import Path

from pi_voice.installer.manifest import Manifest


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    manifest = Manifest(("/a", "/b"), True, ("gpio",), ("gcc",), ("1", "2"), "2", "1")
    manifest.save(tmp_path / "list.json")
    assert Manifest.load(tmp_path / "list.json") == manifest


def test_where_nothing_was_changed_there_is_no_list(tmp_path: Path) -> None:
    assert Manifest.load(tmp_path / "list.json") == Manifest()


def test_it_is_replaced_whole(tmp_path: Path) -> None:
    for version in ("1", "2"):
        Manifest(current=version).save(tmp_path / "list.json")
    assert Manifest.load(tmp_path / "list.json").current == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["list.json"]


def test_what_a_newer_version_noted_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text('{"current": "2", "colour": "blue"}')
    assert Manifest.load(tmp_path / "list.json") == Manifest(current="2")
