"""The folder of an import is filled completely or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from scar.aws.inventory.scar4.output_folder import filled_folder, raise_if_used
from scar.errors import UsageError


def fill(folder: Path) -> None:
    with filled_folder(folder) as target:
        (target / "payload").mkdir()
        (target / "payload" / "a").write_text("1")
        (target / "gray.yaml").write_text("2")


def fill_and_fail(folder: Path) -> None:
    (folder / "a").write_text("1")
    (folder / "a" / "b").write_text("2")


def fill_meanwhile(target: Path, folder: Path) -> None:
    for name in ("a", "b"):
        (target / name).write_text("1")
    (folder / "b").write_text("mine")


def files_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_a_new_folder_has_everything_and_nothing_is_beside_it(tmp_path: Path) -> None:
    fill(tmp_path / "some" / "new")
    assert files_in(tmp_path) == {"some/new/payload/a", "some/new/gray.yaml"}
    assert [p.name for p in (tmp_path / "some").iterdir()] == ["new"]


def test_an_empty_folder_stays_the_same_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    fill(Path())
    assert tmp_path.stat().st_ino == before
    assert files_in(tmp_path) == {"payload/a", "gray.yaml"}
    assert {p.name for p in tmp_path.iterdir()} == {"payload", "gray.yaml"}


@pytest.mark.parametrize("exists", [True, False])
def test_after_an_error_there_is_nothing(tmp_path: Path, *, exists: bool) -> None:
    folder = tmp_path / "out"
    if exists:
        folder.mkdir()
    with pytest.raises(NotADirectoryError), filled_folder(folder) as target:
        fill_and_fail(target)
    assert [*tmp_path.rglob("*")] == ([folder] if exists else [])


def test_what_is_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "missing")
    for folder in (tmp_path, tmp_path / "file", tmp_path / "link"):
        with pytest.raises(UsageError, match="not empty"):
            raise_if_used(folder)
    with pytest.raises(UsageError, match="cannot be written"):
        fill(tmp_path / "file" / "below")


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="made meanwhile"), filled_folder(tmp_path) as target:
        fill_meanwhile(target, tmp_path)
    assert files_in(tmp_path) == {"b"}
    assert (tmp_path / "b").read_text() == "mine"
