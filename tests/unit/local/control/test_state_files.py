"""The secret, the layout and the other small files of a state folder; lost files; full disks."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.errors import ConfigurationError
from scar.local.home import LocalCloudHome
from scar.local.state.databases import DatabaseFormat, open_database
from scar.local.state.disk_space import is_disk_full
from scar.local.state.files import STATE_FILES, StateFileError
from scar.local.state.lost_files import LostFiles
from scar.local.state.private_files import write_private

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = DatabaseFormat(file=STATE_FILES[0], schema="CREATE TABLE IF NOT EXISTS t(a, b);")
DAY = 86400.0


@pytest.fixture
def home(tmp_path: Path) -> LocalCloudHome:
    made = LocalCloudHome(tmp_path / "home")
    made.create()
    made.load_secret()
    made.keep_engine("sandbox")
    return made


@pytest.mark.parametrize(
    "secret", [b"", b"\n", b"ab" * 31, b"x" * 64, b"ab" * 32 + b"\n", b"\xff" * 64]
)
def test_a_short_or_damaged_secret_is_refused(home: LocalCloudHome, secret: bytes) -> None:
    (home.path / "secret").write_bytes(secret)
    with pytest.raises(StateFileError, match="secret is empty or damaged") as caught:
        home.load_secret()
    assert "reset" not in caught.value.remedy
    assert (home.path / "secret").read_bytes() == secret


@pytest.mark.parametrize("layout", [b"", b"\n", b"x", b"0", b"1 1", b"-1", b"\xff\x00"])
def test_a_damaged_layout_is_not_called_another_release(
    home: LocalCloudHome, layout: bytes
) -> None:
    (home.path / "layout").write_bytes(layout)
    with pytest.raises(StateFileError, match="layout is empty or damaged") as caught:
        home.create()
    assert f"echo 1 > {home.path}/layout" in caught.value.remedy


@pytest.mark.parametrize("name", ["", "\n", "no such engine", "../x", "\x00"])
def test_a_damaged_engine_is_refused_and_can_be_named_again(
    home: LocalCloudHome, name: str
) -> None:
    (home.path / "engine").write_text(name)
    with pytest.raises(StateFileError, match="container engine"):
        home.kept_engine()
    home.keep_engine("docker")
    assert home.kept_engine() == "docker"


@pytest.mark.parametrize("name", ["secret", "layout", "engine", "server.json"])
def test_a_folder_in_place_of_a_file_is_named_or_moved(home: LocalCloudHome, name: str) -> None:
    (home.path / name).unlink(missing_ok=True)
    (home.path / name).mkdir()
    (home.path / name / "content").touch()
    if name == "server.json":
        assert home.last_server() is None
        home.remove_server_record()
    else:
        read = {"secret": home.load_secret, "layout": home.create, "engine": home.kept_engine}
        with pytest.raises(ConfigurationError) as caught:
            read[name]()
        assert str(home.path / name) in caught.value.problem
    assert len(list(home.path.rglob("content"))) == 1


@given(st.text(max_size=200) | st.sampled_from(["[" * 10**5, '{"pid": "self"}', "1", "null"]))
def test_no_server_record_raises(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    home = LocalCloudHome(tmp_path_factory.getbasetemp() / "record")
    home.path.mkdir(exist_ok=True)
    (home.path / "server.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert home.running_server() is None


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_private(tmp_path / "f", "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "f", "\udc80")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_text() == "old"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


def test_a_database_of_a_later_release_is_refused(tmp_path: Path) -> None:
    open_database(tmp_path / "d", FORMAT).close()
    with sqlite3.connect(tmp_path / "d") as db:
        db.execute("PRAGMA user_version=2")
    db.close()
    with pytest.raises(StateFileError, match="later release"):
        open_database(tmp_path / "d", FORMAT)


def test_a_page_of_garbage_in_the_middle_is_noticed(tmp_path: Path) -> None:
    db = open_database(tmp_path / "d", FORMAT)
    db.executemany("INSERT INTO t VALUES(?, ?)", [(n, "x" * 500) for n in range(100)])
    db.close()
    with (tmp_path / "d").open("r+b") as file:
        file.seek(5 * 4096)
        file.write(os.urandom(4096))
    with pytest.raises(StateFileError, match="is damaged"):
        open_database(tmp_path / "d", FORMAT)


def test_a_permit_is_used_once(tmp_path: Path) -> None:
    (tmp_path / "d-wal").write_bytes(b"x" * 100)
    with pytest.raises(StateFileError, match="is missing"):
        open_database(tmp_path / "d", FORMAT)
    (tmp_path / "d.lost").touch()
    open_database(tmp_path / "d", FORMAT).close()
    (aside,) = tmp_path.glob("d.lost-*-wal")
    assert aside.read_bytes() == b"x" * 100
    (tmp_path / "d").unlink()
    (tmp_path / "d-wal").write_bytes(b"x" * 100)
    with pytest.raises(StateFileError, match="is missing"):
        open_database(tmp_path / "d", FORMAT)


def test_lost_files_are_kept_for_days_and_the_newest_ones_always(tmp_path: Path) -> None:
    now = [1000 * DAY]
    lost = LostFiles(tmp_path / "lost", clock=lambda: now[0], max_bytes=100)

    def lose(size: int) -> None:
        (tmp_path / "body").write_bytes(b"x" * size)
        assert lost.take([tmp_path / "body"]) == 1
        lost.remove_old()

    lose(10)
    lose(20)  # of the same name, on the same day
    (first,) = (tmp_path / "lost").iterdir()
    assert sorted(p.stat().st_size for p in first.iterdir()) == [10, 20]
    now[0] += 7 * DAY
    lose(10)
    assert first.exists()
    now[0] += DAY
    lose(10)
    assert not first.exists()
    now[0] += DAY
    lose(95)  # above the limit: earlier days are removed, this one is not
    (only,) = (tmp_path / "lost").iterdir()
    now[0] += 1000 * DAY
    lost.remove_old()
    assert only.exists()


def test_a_full_disk_is_recognized_through_causes() -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    for cause in (OSError(errno.ENOSPC, "x"), OSError(errno.EDQUOT, "x"), full):
        outer = ValueError()
        outer.__cause__ = cause
        assert is_disk_full(cause)
        assert is_disk_full(outer)
    circular = ValueError()
    circular.__context__ = circular
    assert not is_disk_full(circular)
    assert not is_disk_full(OSError(errno.EACCES, "x"))
