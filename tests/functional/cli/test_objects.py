"""put, ls and get, as typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from scar.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

    from scar.cli.world import World


@pytest.fixture
def data(tmp_path: Path, world: World) -> Path:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="photos")
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "a b.txt").write_text("aa")
    (folder / "sub" / "ü.txt").write_text("b")
    return folder


def test_files_go_there_and_back(
    world: World, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["put", "-b", "photos/in", "-p", str(data)], world) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "moto\nUploaded 2 files, 3 B to s3://photos/in\n"
    assert run(["ls", "-b", "photos/in"], world) == 0
    shown = capsys.readouterr()
    assert [line.rpartition("  ")[2] for line in shown.out.splitlines()] == [
        "in/a b.txt",
        "in/sub/ü.txt",
    ]
    assert shown.err == "moto\n2 objects, 3 B in photos/in\n"
    assert run(["get", "-b", "photos/in", "-p", str(tmp_path / "back")], world) == 0
    assert (tmp_path / "back" / "sub" / "ü.txt").read_text() == "b"


def test_objects_as_json(world: World, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["put", "-j", "-b", "photos", "-p", str(data / "a b.txt")], world) == 0
    assert json.loads(capsys.readouterr().out) == {"files": 1, "bytes": 2}
    assert run(["ls", "-j", "-b", "photos"], world) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["key"], found["size"]) == ("a b.txt", 2)


def test_an_empty_list_is_json_too(
    world: World, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ls", "-j", "-b", "photos/none"], world) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_missing_bucket_points_to_init(
    world: World, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ["put", "-b", "nowhere/in", "-p", str(data)],
        ["get", "-b", "nowhere/in", "-p", str(data)],
        ["ls", "-b", "nowhere"],
    ):
        assert run(arguments, world) == 1
        shown = capsys.readouterr()
        assert "There is no bucket nowhere." in shown.err
        assert "scar init" in shown.err
        assert shown.out == ""
