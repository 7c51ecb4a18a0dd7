"""The files that are uploaded as outputs, and their keys."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import OutputError
from supervisor.execution.outputs import collect_files, is_later_sequencer
from supervisor.execution.workspace import safe_file_name
from supervisor.model import OutputRule

ALL = (OutputRule(provider="s3", path="data/out/"),)


def keys(folder: Path, rules: tuple[OutputRule, ...] = ALL) -> list[str]:
    return [output.target.key for output in collect_files(folder, rules, lambda _: None)]


@pytest.mark.parametrize("name", ["a b", "a+b", "ü日本😀", "%2B", "..a", "a..", "-rf", "a\nb", "*"])
def test_names_are_kept_as_they_are(tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / name).touch()
    assert keys(tmp_path) == [f"out/sub/{name}"]


def test_a_script_that_writes_nothing_has_no_outputs(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert keys(tmp_path) == []


def test_prefix_and_suffix_choose_the_folder(tmp_path: Path) -> None:
    for name in ("a.txt", "b.png", "c.txt"):
        (tmp_path / name).touch()
    rules = (
        OutputRule(provider="s3", path="data/text", suffix=(".txt",), prefix=("a", "b")),
        OutputRule(provider="s3", path="data/all"),
    )
    assert keys(tmp_path, rules) == ["text/a.txt", "all/a.txt", "all/b.png", "all/c.txt"]


def test_links_out_of_the_folder_and_special_files_are_skipped_and_logged(tmp_path: Path) -> None:
    folder = tmp_path / "output"
    folder.mkdir()
    (tmp_path / "secret").write_text("x")
    (folder / "real").write_text("x")
    (folder / "inside").symlink_to("real")
    (folder / "outside").symlink_to("../secret")
    (folder / "up").symlink_to("..")
    (folder / "broken").symlink_to("nothing")
    os.mkfifo(folder / "pipe")
    logged: list[str] = []
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        try:
            os.chdir(folder)  # socket paths are short
            listener.bind("socket")
        finally:
            os.chdir(here)
        found = collect_files(folder, ALL, logged.append)
    assert [output.target.key for output in found] == ["out/inside", "out/real"]
    assert len(logged) == 5


def test_a_loop_of_links_is_skipped_and_logged(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    logged: list[str] = []
    assert collect_files(tmp_path, ALL, logged.append) == ()
    assert len(logged) == 1


def test_a_key_that_is_too_long_is_rejected_before_any_upload(tmp_path: Path) -> None:
    deep = tmp_path / ("ü" * 120) / ("ü" * 120) / ("ü" * 120) / ("ü" * 120)
    deep.mkdir(parents=True)
    (tmp_path / "a").touch()
    (deep / ("x" * 56)).touch()
    assert len(keys(tmp_path)[1].encode()) == 1024
    (deep / ("x" * 57)).touch()
    with pytest.raises(OutputError, match="1025 bytes"):
        keys(tmp_path)


def test_a_name_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff")).touch()
    with pytest.raises(OutputError, match="not UTF-8"):
        keys(tmp_path)


def test_sequencers_are_compared_as_s3_specifies() -> None:
    assert is_later_sequencer("00B0", "00a9ff")
    assert not is_later_sequencer("00A9", "00a900")
    assert not is_later_sequencer("", "00")


@given(st.text())
def test_the_input_file_never_leaves_its_folder(key: str) -> None:
    name = safe_file_name(key)
    assert name not in ("", ".", "..")
    assert "/" not in name
    assert "\0" not in name
    assert len(name.encode()) <= 255


def test_a_long_input_name_keeps_its_suffix() -> None:
    assert safe_file_name("in/" + "ü" * 200 + ".txt").endswith("ü.txt")
