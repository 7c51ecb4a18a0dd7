"""The comparison of what an example's commands left with its folder ``expected``.

``expected/output/`` has files that must be in ``output/`` with the same content. Files that differ
from release to release of their program, such as images, are only listed in ``expected/files.txt``:
if it exists, it names all files below ``output/``, and none of them may be empty.
``expected/printed.txt`` has lines that the commands must print, in this order, maybe with others
between them; ``scar log`` prints a time and an id before each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def differences(folder: Path, printed: str) -> list[str]:
    """Return what differs in the folder of an example that has run; empty: all is as expected."""
    expected, output = folder / "expected", folder / "output"
    if not expected.is_dir():
        return [f"{expected} does not exist"]
    return [
        *_listed(expected / "files.txt", output),
        *_contents(expected / "output", output),
        *_lines(expected / "printed.txt", printed),
    ]


def _listed(listing: Path, output: Path) -> Iterator[str]:
    if not listing.exists():
        return
    wanted = set(listing.read_text().split())
    found = {str(path.relative_to(output)): path for path in output.rglob("*") if path.is_file()}
    for name in sorted(wanted - found.keys()):
        yield f"output/{name} is missing"
    for name in sorted(found.keys() - wanted):
        yield f"output/{name} is not listed in expected/files.txt"
    for name in sorted(wanted & found.keys()):
        if not found[name].stat().st_size:
            yield f"output/{name} is empty"


def _contents(expected: Path, output: Path) -> Iterator[str]:
    for path in sorted(expected.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(expected)
        found = output / name
        if not found.is_file():
            yield f"output/{name} is missing"
        elif found.read_bytes() != path.read_bytes():
            text = found.read_text(errors="replace")
            yield f"output/{name} differs from expected/output/{name}; it is:\n{text}"


def _lines(listing: Path, printed: str) -> Iterator[str]:
    if not listing.exists():
        return
    lines = iter([line.rstrip() for line in printed.splitlines()])
    for wanted in listing.read_text().splitlines():
        if not any(line == wanted or line.endswith(f"  {wanted}") for line in lines):
            yield f"not printed, or not in this order: {wanted}"
            return
