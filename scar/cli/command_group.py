"""The command ``scar``: its global options and the table of its commands.

A command's module is imported when the command is called, so that ``scar --help`` is fast. The
groups ``scar cluster``, ``scar image`` and ``scar local`` work in the same way.
"""

from __future__ import annotations

import contextlib
import importlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

import scar
from scar.cli.commands import COMMANDS
from scar.cli.options import TextOption, WordsArgument, target_options
from scar.spelling import suggest_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from click.shell_completion import CompletionItem

# Second names, and commands in a folder: the module and attribute of the command.
ALIASES: Mapping[str, tuple[str, str]] = {
    "update": ("init", "update"),
    "logs": ("log", "log"),
    "help": ("about.help", "show_help"),
    "import": ("import", "import_function"),
    **{name: (f"about.{name}", name) for name in ("completion", "schema", "version")},
}


def require_valid_values(
    command: click.Command, context: click.Context, arguments: Sequence[str]
) -> None:
    """Raise a usage error for a value that is empty or not UTF-8, or an option given twice."""
    values, _, parameters = command.make_parser(context).parse_args(list(arguments))
    _require_single_values(parameters, context)
    for parameter in dict.fromkeys(parameters):
        found = values.get(parameter.name or "")
        for value in found if isinstance(found, list | tuple) else (found,):
            if isinstance(value, str) and (problem := _find_problem(parameter, value)):
                raise click.UsageError(f"{_name_of(parameter)} {problem}", context)


def _find_problem(parameter: click.Parameter, value: str) -> str:
    """Return what is wrong with a value, or an empty text.

    Most options without a value mean all, or a default: a script whose variable is empty would
    silently do more than it should.
    """
    if not value and not isinstance(parameter, TextOption | WordsArgument):
        is_option = isinstance(parameter, click.Option) and not parameter.required
        return f"is empty: write a value{', or omit the option' if is_option else ''}."
    # Python reads bytes that are not UTF-8 as surrogates. Names of local files may have them.
    is_text = not isinstance(parameter.type, click.Path | click.types.UnprocessedParamType)
    if is_text and any("\ud800" <= letter <= "\udfff" for letter in value):
        return "is not text in UTF-8."
    return ""


def _name_of(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return parameter.opts[0]
    metavar = (parameter.metavar or (parameter.name or "").upper()).removesuffix("...")
    return metavar[1:-1] if metavar.startswith("[") else metavar


def _require_single_values(parameters: Sequence[click.Parameter], context: click.Context) -> None:
    """Raise a usage error if an option that has one value is given twice.

    Click would silently use the last value. Flags may be repeated: that changes nothing.
    """
    for parameter, number in Counter(parameters).items():
        if not isinstance(parameter, click.Option) or number == 1:
            continue
        if not (parameter.multiple or parameter.is_flag or parameter.count):
            raise click.UsageError(
                f"{parameter.opts[0]} was given {'twice' if number == 2 else f'{number} times'};"
                " it has one value.",
                context,
            )


class TranslatingCommand(click.Command):
    """A command that replaces usage errors by its own."""

    def translate_usage_errors(self, args: Sequence[str]) -> AbstractContextManager[None]:
        """Return the context in which these arguments are parsed."""
        raise NotImplementedError


class LazyCommandGroup(click.Group):
    """A group that imports the module of a command when the command is called.

    ``package`` has the modules; ``commands_help`` maps the commands' names to the first line of
    their help, in the order of the list. A command is the attribute of its module that has its
    name; ``aliases`` maps second names to module and attribute.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's own
        package: str,
        commands_help: Mapping[str, str],
        aliases: Mapping[str, tuple[str, str]] | None = None,
        **kwargs: Any,  # noqa: ANN401 - click's own
    ) -> None:
        super().__init__(*args, **kwargs)
        self.package = package
        self.commands_help = commands_help
        self.aliases = aliases or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(self.commands_help)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command; None if there is no such command."""
        del ctx
        if cmd_name not in self.commands_help:
            return None
        module, attribute = self.aliases.get(cmd_name, (cmd_name, cmd_name))
        command = getattr(importlib.import_module(f"{self.package}.{module}"), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.package}.{module}:{attribute} is not a command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of these arguments; a usage error suggests the nearest name.

        Every command line passes here, so this is also where the command's options are checked.
        """
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            if args[0].startswith("-"):
                raise
            suggestion = suggest_name(args[0], self.commands_help)
            raise click.UsageError(
                f"No such command {args[0]!r}{suggestion or '.'}", ctx
            ) from error
        if command is not None and not ctx.resilient_parsing:
            own = click.Context(command, parent=ctx, info_name=name, **command.context_settings)
            translating = (
                command.translate_usage_errors(rest)
                if isinstance(command, TranslatingCommand)
                else contextlib.nullcontext()
            )
            with translating:
                require_valid_values(command, own, rest)
        return name, command, rest

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the group's own options, those before the command."""
        if not ctx.resilient_parsing:
            require_valid_values(self, ctx, args)
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command from the table; click's own method would import them all."""
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=help_)
            for name, help_ in self.commands_help.items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table; click's own method would import them all."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.commands_help.items()))


@click.group(
    cls=LazyCommandGroup,
    package="scar.cli.commands",
    commands_help=COMMANDS,
    aliases=ALIASES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(scar.__version__, message="scar %(version)s")
@target_options
def cli() -> None:
    """Run container images over files: on AWS Lambda, AWS Batch, or on this machine.

    \b
    Examples:
      scar init -f thumbnails.yaml
      scar put -b my-photos/incoming -p holiday/
      scar wait -f thumbnails.yaml
      scar get -b my-photos/thumbnails -p .
    """
