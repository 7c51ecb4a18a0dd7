"""Complete the name of a command without click, whose import is most of a completion's time."""

import os

from scar.cli.commands import COMMANDS

# Instruction: a completion as click writes it to its shell function.
_FORMATS = {"bash_complete": "plain,{name}", "zsh_complete": "plain\n{name}\n{help}"}


def complete_command_name(instruction: str) -> str | None:
    """Return the names that begin with the first word; None for what click must complete.

    That is every other word, an option, a word with quotes, and the protocols of other shells.
    """
    shape = _FORMATS.get(instruction)
    words = os.environ.get("COMP_WORDS", "").split()[1:]
    if shape is None or os.environ.get("COMP_CWORD") != "1" or len(words) > 1:
        return None
    word = "".join(words)
    if word and not word.isalpha():
        return None
    completions = (
        shape.format(name=name, help=help_)
        for name, help_ in COMMANDS.items()
        if name.startswith(word)
    )
    return "\n".join(completions) + "\n"
