"""``scar completion``: print the code that completes command lines in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.options import output_options, pass_session, target_options

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@output_options
@target_options
@pass_session
def completion(session: Session, shell: str) -> None:
    """Print the code that completes command lines in a shell.

    Commands, options, functions, folders, profiles, Regions and files are completed. Add the line
    for your shell to its start file.

    \b
    Examples:
      eval "$(scar completion bash)"                  # ~/.bashrc
      eval "$(scar completion zsh)"                   # ~/.zshrc, after compinit
      scar completion fish | source                   # ~/.config/fish/config.fish
    """
    from scar.cli.completion.shells import build_shell_function

    code = build_shell_function(shell)
    if session.json:
        session.terminal.write_json({"shell": shell, "code": code})
    else:
        session.terminal.write_data(code)
