"""The bundle's layer is deterministic, and its byte code is never compared with sources."""

from __future__ import annotations

import ast
import importlib.util
import io
import struct
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from supervisor.bundle import build, compiler, file_tree
from supervisor.bundle.file_tree import BundleFile

if TYPE_CHECKING:
    from pathlib import Path


def test_a_layer_depends_on_its_files_alone() -> None:
    one = file_tree.build_layer({"b/c": BundleFile(b"1"), "a": BundleFile(b"2", 0o755)})
    assert one == file_tree.build_layer({"a": BundleFile(b"2", 0o755), "b/c": BundleFile(b"1")})
    with tarfile.open(fileobj=io.BytesIO(one)) as archive:
        found = [(m.name, oct(m.mode), m.uid, m.mtime) for m in archive]
    assert found == [("a", "0o755", 0, 0), ("b", "0o755", 0, 0), ("b/c", "0o644", 0, 0)]


def test_a_written_tree_is_read_back(tmp_path: Path) -> None:
    files = {"a": BundleFile(b"1", 0o755), "b/c": BundleFile(b"2")}
    file_tree.write_tree(files, tmp_path)
    assert file_tree.read_tree(tmp_path) == files


def test_modules_are_compiled_unchecked_sorted_and_stored(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    file_tree.write_tree(
        {"b.py": BundleFile(b"y = 2\n"), "a/__init__.py": BundleFile(b"x = 1\n")}, sources
    )
    compiler.main(sources, tmp_path / "o.zip", "/opt/scar/o.zip")
    with zipfile.ZipFile(tmp_path / "o.zip") as archive:
        assert archive.namelist() == ["a/__init__.pyc", "b.pyc"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        data = archive.read("b.pyc")
    assert data[:4] == importlib.util.MAGIC_NUMBER
    assert struct.unpack("<I", data[4:8]) == (1,)
    sys.path.insert(0, str(tmp_path / "o.zip"))
    try:
        module = importlib.import_module("b")
        assert module.y == 2
    finally:
        sys.path.remove(str(tmp_path / "o.zip"))
        sys.modules.pop("b", None)


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import y\nx = 1\n", "x = 1"),
        ("from typing import TYPE_CHECKING, Any\nif TYPE_CHECKING:\n    y\nelse:\n    x = 1\n",
         "from typing import Any\nx = 1"),
        ("if x:\n    from a import TYPE_CHECKING\n", "if x:\n    from a import TYPE_CHECKING"),
    ],
)  # fmt: skip
def test_what_only_type_checkers_read_is_dropped(source: str, kept: str) -> None:
    assert ast.unparse(compiler.TypeCheckingRemover().visit(ast.parse(source))) == kept


def test_the_supervisor_is_packed_without_the_builder_of_the_bundle() -> None:
    names = build.read_supervisor_sources()
    assert "supervisor/config.py" in names
    assert not [name for name in names if name.startswith("supervisor/bundle/")]
