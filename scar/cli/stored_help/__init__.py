"""The help of ``scar`` as click formats it, for the widths of most terminals; and all options.

The import of click takes three times as long as Python's start, and ``scar --help`` needs nothing
else of it. TAB after ``scar put --`` would import the command too: the names of the options are
stored with their help. ``python -m scar.cli.stored_help.write`` writes the files; a test compares
them with click's text. ``write`` is the only module.
"""

import os
import sys

_HELP_REQUESTS = (["--help"], ["-h"], ["help"])
NARROW, WIDE = 80, 100  # columns; click's lines are never longer than WIDE
# The words of a command, and below it its options: names, a tab, the help.
OPTIONS = f"{os.path.dirname(__file__)}/options.txt"  # noqa: PTH120 pathlib is slow to import


def find_stored_help(arguments: list[str]) -> str | None:
    """Return the text if the arguments ask for the help of scar; None if click must format it."""
    if arguments not in _HELP_REQUESTS:
        return None
    columns = min(_terminal_columns(), WIDE)
    if columns not in (NARROW, WIDE):
        return None
    with open(path_of(columns), encoding="utf-8") as file:  # noqa: PTH123 pathlib is slow to import
        return file.read()


def path_of(columns: int) -> str:
    """Return the file with the help for terminals of this width."""
    return f"{os.path.dirname(__file__)}/columns-{columns}.txt"  # noqa: PTH120 as above


def find_stored_options(command: list[str]) -> list[tuple[str, str]] | None:
    """Return the options of a command (``["job", "ls"]``) with their help; None if unknown."""
    found: list[tuple[str, str]] | None = None
    with open(OPTIONS, encoding="utf-8") as file:  # noqa: PTH123 as above
        for line in file:
            names, separator, help_ = line.rstrip("\n").partition("\t")
            if separator and found is not None:
                found += [(name, help_) for name in names.split()]
            elif found:
                return found
            elif names.split() == command:
                found = []
    return found


def _terminal_columns() -> int:
    """Return the terminal's width as ``shutil.get_terminal_size`` does, which click uses."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns > 0:
        return columns
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or NARROW  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return NARROW
