"""Compiles a folder of sources into a zip of byte code; runs inside the bundled Python.

The byte code is for exactly that interpreter, and is never compared with its source.
"""

from __future__ import annotations
import __future__

import ast
import importlib.util
import marshal
import struct
import sys
import zipfile
from pathlib import Path

UNCHECKED_HASH = 0b01


class TypeCheckingRemover(ast.NodeTransformer):
    """Removes code for type checkers: the import of ``typing`` costs 3 ms at every start."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Keep only the else branch of ``if TYPE_CHECKING``."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """Remove the import of ``TYPE_CHECKING``."""
        if node.module == "typing":
            node.names = [name for name in node.names if name.name != "TYPE_CHECKING"]
        return node if node.names else None


class DocstringRemover(ast.NodeTransformer):
    """Removes what functions say about themselves: nothing reads it, and a start loads it.

    Docstrings of classes stay: ``dataclasses`` would generate others at every start.
    """

    def visit_FunctionDef(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef
    ) -> ast.FunctionDef | ast.AsyncFunctionDef:
        """Replace the docstring of a function."""
        self.generic_visit(node)
        if ast.get_docstring(node, clean=False) is not None:
            node.body[0] = ast.copy_location(ast.Pass(), node.body[0])
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the name that ast gives


def remove_future_imports(tree: ast.Module) -> int:
    """Remove ``from __future__ import …``, an import like others; return the compiler's flags."""
    imports = [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    tree.body = [node for node in tree.body if node not in imports]
    names = {alias.name for node in imports for alias in node.names}
    return sum(getattr(__future__, name).compiler_flag for name in names)


def compile_module(source: bytes, filename: str) -> bytes:
    """Return the content of a module's ``.pyc`` file."""
    tree = ast.parse(source, filename)
    if b"TYPE_CHECKING:" in source:
        tree = TypeCheckingRemover().visit(tree)
    tree = DocstringRemover().visit(tree)
    flags = remove_future_imports(tree)
    code = compile(tree, filename, "exec", flags, dont_inherit=True, optimize=0)
    # PEP 552: a hash-based .pyc that is not checked, so the bytes contain no time of the build.
    header = importlib.util.MAGIC_NUMBER + struct.pack("<I", UNCHECKED_HASH)
    return header + importlib.util.source_hash(source) + marshal.dumps(code)


def main(folder: Path, output: Path, shown_path: str) -> None:
    """Compile all modules under ``folder`` into a zip; not compressed, because the layer is."""
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*.py"), key=str):
            name = path.relative_to(folder).as_posix()
            info = zipfile.ZipInfo(f"{name}c", (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            archive.writestr(info, compile_module(path.read_bytes(), f"{shown_path}/{name}"))


if __name__ == "__main__":
    main(Path(sys.argv[2]), Path(sys.argv[1]), sys.argv[3])
