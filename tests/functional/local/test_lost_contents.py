"""What a state folder contained is gone or in the way: tables, folders, the list of databases.

The local cloud refuses to start and names what it is; no stored body is moved or removed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Literal, get_args

import pytest

from tests.functional.local.test_damaged_state import (
    UsedFolders,
    copy,
    examine,
    stored_bodies,
    used,
)

if TYPE_CHECKING:
    from pathlib import Path

    from scar.local.home import LocalCloudHome

__all__ = ["used"]  # the fixture
DATABASES = ("s3/meta.db", "lambda.sqlite", "moto/journal.sqlite", "batch/jobs.sqlite")
LISTS = ("databases", "data/databases")
FOLDERS = ("data/s3", "data/moto", "data/batch", "data")


def execute(path: Path, statement: str) -> list[str]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return [row[0] for row in db.execute(statement)]


def tables(path: Path) -> list[str]:
    return execute(
        path, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    )


def drop_tables(path: Path, names: list[str]) -> None:
    for name in names:
        execute(path, f'DROP TABLE "{name}"')


def without_tables(path: Path) -> None:
    """Replace a database by one that SQLite accepts, but that has neither tables nor version."""
    for sibling in path.parent.glob(f"{path.name}*"):
        sibling.unlink()
    execute(path, "PRAGMA journal_mode=WAL")
    execute(path, "VACUUM")


def assert_refused(home: LocalCloudHome, name: str, used: UsedFolders, case: str = "") -> None:
    for _ in range(2):  # the first attempt must not make the folder look new
        seen = examine(home)
        assert name in seen.problem, case
        assert "reset" not in seen.remedy, case
        assert not list(home.data.glob("*/lost/*")), case
    assert home.data.exists() or not stored_bodies(home)


@pytest.mark.parametrize("state", ["stopped", "killed"])
@pytest.mark.parametrize("name", DATABASES)
def test_each_table_is_missed(
    used: UsedFolders, tmp_path: Path, name: str, state: Literal["stopped", "killed"]
) -> None:
    source = getattr(used, state)
    copied = copy(source, tmp_path / "names")
    names = tables(copied.data / name)
    assert names
    for number, dropped in enumerate([[one] for one in names] + [names]):
        home = copy(source, tmp_path / str(number))
        drop_tables(home.data / name, dropped)
        assert_refused(home, name, used, f"{name} without {dropped}")
        assert stored_bodies(home) == stored_bodies(copied)


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("lists", [(), *[(one,) for one in LISTS]])
def test_a_database_without_tables_is_not_a_new_one(
    used: UsedFolders, tmp_path: Path, name: str, lists: tuple[str, ...]
) -> None:
    home = copy(used.stopped, tmp_path / "home")
    without_tables(home.data / name)
    for one in lists:
        (home.path / one).unlink()
    assert_refused(home, name, used)
    assert stored_bodies(home) == stored_bodies(copy(used.stopped, tmp_path / "whole"))


@pytest.mark.parametrize("name", ["s3/meta.db", "moto/journal.sqlite"])
@pytest.mark.parametrize("lose", ["file", "tables"])
def test_what_others_refer_to_is_missed_even_without_any_list(
    used: UsedFolders, tmp_path: Path, name: str, lose: str
) -> None:
    home = copy(used.stopped, tmp_path / "home")
    (home.data / name).unlink() if lose == "file" else without_tables(home.data / name)
    for one in LISTS:
        (home.path / one).unlink()
    assert_refused(home, name, used)


@pytest.mark.parametrize("lists", ["kept", "gone"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_missing_folder_is_named_and_its_remedy_works(
    used: UsedFolders, tmp_path: Path, folder: str, lists: str
) -> None:
    home = copy(used.stopped, tmp_path / "home")
    shutil.rmtree(home.path / folder)
    if lists == "gone":
        (home.data / "databases").unlink(missing_ok=True)
    assert_refused(home, folder, used)
    apply_remedy(examine(home).remedy)
    # The permit is accepted: not this file is missing any more.
    (permit,) = list(home.path.rglob("*.lost"))
    home.create()
    assert permit.exists() == (folder != "data")


def apply_remedy(remedy: str) -> None:
    command = remedy.split("`")[1]
    subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True)


def test_a_permitted_loss_of_all_data_starts_anew_once(used: UsedFolders, tmp_path: Path) -> None:
    home = copy(used.stopped, tmp_path / "home")
    shutil.rmtree(home.data)
    apply_remedy(examine(home).remedy)
    home.create()
    assert list(home.data.iterdir()) == []
    assert not (home.path / "data.lost").exists()


Obstacle = Literal["file", "dangling", "fifo"]


@pytest.mark.parametrize("kind", get_args(Obstacle))
def test_a_file_in_the_place_of_a_folder_is_named(
    used: UsedFolders, tmp_path: Path, kind: Obstacle
) -> None:
    folders = sorted(
        str(path.relative_to(used.stopped))
        for path in used.stopped.rglob("*")
        if path.is_dir() and "engines" not in path.parts
    )
    assert len(folders) > 12
    for number, name in enumerate(folders):
        home = copy(used.stopped, tmp_path / str(number))
        path = home.path / name
        shutil.rmtree(path)
        match kind:
            case "file":
                path.touch()
            case "dangling":
                path.symlink_to(tmp_path / "none")
            case "fifo":
                os.mkfifo(path)
        seen = examine(home)
        if name == "data/logs":  # no reason not to start
            assert seen.problem == ""
        else:
            assert str(path) in seen.problem + seen.remedy, f"{name}: {kind}"
