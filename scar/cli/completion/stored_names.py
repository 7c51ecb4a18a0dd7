"""Complete names of commands, and a command's first option, without click.

The import of click and of the command is most of a completion's time.
"""

import os

from scar.cli.commands import COMMANDS
from scar.cli.stored_help import find_stored_options

# Instruction: a completion as click writes it to its shell function.
_FORMATS = {"bash_complete": "plain,{name}", "zsh_complete": "plain\n{name}\n{help}"}


def complete_stored_name(instruction: str) -> str | None:
    """Return the names that begin with the word; None for what click must complete.

    That is an option after another one or before the command, a value, a word with other letters
    than names have, and the protocols of other shells.
    """
    shape = _FORMATS.get(instruction)
    words = os.environ.get("COMP_WORDS", "").split()[1:]
    place = os.environ.get("COMP_CWORD")
    if place == "1" and not words:
        words = [""]
    if shape is None or place != str(len(words)):
        return None
    names = _names_after(words[:-1], words[-1])
    if names is None:
        return None
    completions = (
        shape.format(name=name, help=help_) for name, help_ in names if name.startswith(words[-1])
    )
    return "\n".join(completions) + "\n"


def _names_after(before: list[str], word: str) -> list[tuple[str, str]] | None:
    """Return the names that the word may be, with their help; None if they are not stored."""
    letters = word.replace("-", "")
    if letters and not (letters.isascii() and letters.isalpha()):
        return None
    if not before and not word.startswith("-"):
        return list(COMMANDS.items())
    return find_stored_options(before) if word.startswith("-") else None
