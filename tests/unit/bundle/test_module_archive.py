"""Modules of a start come from one file, with what the import system expects of any module."""

from __future__ import annotations

import ast
import importlib.util
import marshal
from typing import TYPE_CHECKING, Any

import pytest

from supervisor.bundle import archive_builder, compiler
from supervisor.runtime.module_archive import ModuleArchive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

SOURCES = {
    archive_builder.IMPORTER: ("supervisor.zip/m.pyc", False, "code = 'of the importer'"),
    "outer": ("lib.zip/outer/__init__.pyc", True, "x = __file__"),
    "outer.inner": ("lib.zip/outer/inner.pyc", False, "def fail():\n    raise ValueError\n"),
}


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[ModuleArchive]:
    found = {
        name: (path, is_package, marshal.dumps(compile(source, f"/home/{path}", "exec")))
        for name, (path, is_package, source) in SOURCES.items()
    }
    file = tmp_path / "modules.bin"
    file.write_bytes(archive_builder.dump("lib.zip", found, {"nt"}))
    size = int(file.read_bytes()[:8], 16)
    library, modules, code = marshal.loads(file.read_bytes()[8 : 8 + size])  # noqa: S302 - own
    assert (library, code.co_filename) == ("lib.zip", "/home/supervisor.zip/m.pyc")
    assert archive_builder.IMPORTER not in modules
    with file.open("rb") as opened:
        yield ModuleArchive("/home/", opened.fileno(), 8 + size, modules)


def load(archive: ModuleArchive, name: str) -> ModuleType:
    spec = archive.find_spec(name)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    archive.exec_module(module)
    return module


def test_a_package_finds_its_other_modules_in_the_zip(archive: ModuleArchive) -> None:
    module = load(archive, "outer")
    assert module.x == module.__file__ == module.__cached__ == "/home/lib.zip/outer/__init__.pyc"
    assert (module.__path__, module.__package__) == (["/home/lib.zip/outer"], "outer")


def test_a_module_of_a_package_says_where_it_fails(archive: ModuleArchive) -> None:
    module = load(archive, "outer.inner")
    assert not hasattr(module, "__path__")
    assert module.__package__ == "outer"
    with pytest.raises(ValueError, match=r"\A\Z") as caught:
        module.fail()
    where = caught.traceback[-1].frame.code
    assert (str(where.path), where.name) == ("/home/lib.zip/outer/inner.pyc", "fail")
    assert caught.traceback[-1].lineno == 1


def test_a_module_that_no_platform_of_the_bundle_has_is_not_looked_for(
    archive: ModuleArchive,
) -> None:
    with pytest.raises(ModuleNotFoundError, match="No module named 'nt'") as caught:
        archive.find_spec("nt")
    assert caught.value.name == "nt"


def test_other_modules_are_left_to_other_finders(archive: ModuleArchive) -> None:
    assert archive.find_spec("outer.other") is None
    with pytest.raises(ImportError, match=r"outer\.other is not in the archive"):
        archive.get_code("outer.other")


def test_an_archive_depends_on_its_modules_alone() -> None:
    found = {archive_builder.IMPORTER: ("m", False, marshal.dumps(compile("", "m", "exec")))}
    one = archive_builder.dump("lib.zip", dict(found), {"nt", "msvcrt"})
    assert one == archive_builder.dump("lib.zip", dict(found), {"msvcrt", "nt"})


def test_a_module_keeps_its_future_without_an_import() -> None:
    source = b"'text'\nfrom __future__ import annotations\ndef f(x: unknown): pass\n"
    code = marshal.loads(compiler.compile_module(source, "m")[16:])  # noqa: S302 - own
    module: dict[str, Any] = {}
    exec(code, module)  # noqa: S102 - the code above
    assert (module["__doc__"], module["f"].__annotations__) == ("text", {"x": "unknown"})
    assert "__future__" not in code.co_names


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("def f():\n    'text'\n", "def f():\n    pass"),
        ("async def f():\n    'text'\n    return 1\n", "async def f():\n    pass\n    return 1"),
        ("class C:\n    'text'\n\n    def f(self):\n        'text'\n",
         "class C:\n    \"\"\"text\"\"\"\n\n    def f(self):\n        pass"),
        ("def f():\n    return 'text'\n", "def f():\n    return 'text'"),
    ],
    ids=["function", "coroutine", "method", "no docstring"],
)  # fmt: skip
def test_docstrings_of_functions_are_dropped(source: str, kept: str) -> None:
    assert ast.unparse(compiler.DocstringRemover().visit(ast.parse(source))) == kept
