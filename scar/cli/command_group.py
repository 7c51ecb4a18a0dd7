"""All commands, each loaded when it is called: ``--help`` stays fast."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

import scar
from scar.cli.options import target_options

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOG = "Show what functions and runs logged, in Lambda and in Batch."
# verb: (module and attribute, the one line of help)
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("scar.cli.commands.init:init", "Create or change functions."),
    "plan": ("scar.cli.commands.plan:plan", "Show what init would do."),
    "update": ("scar.cli.commands.init:update", "Change functions; the same as init -f."),
    "show": (
        "scar.cli.commands.show:show",
        "Show the configuration of functions and where each value is from.",
    ),
    "validate": (
        "scar.cli.commands.validate:validate",
        "Check an FDL file: keys, values, files, limits and rules.",
    ),
    "schema": (
        "scar.cli.commands.schema:schema",
        "Print the JSON Schema of FDL files, for editors.",
    ),
    "export": (
        "scar.cli.commands.export:export",
        "Print what init would make as a CloudFormation template.",
    ),
    "policy": (
        "scar.cli.commands.policy:policy",
        "Print the least IAM policy for whoever runs scar.",
    ),
    "rm": ("scar.cli.commands.rm:rm", "Remove functions; buckets with data stay."),
    "ls": ("scar.cli.commands.ls:ls", "List functions, or the objects of a bucket."),
    "put": ("scar.cli.commands.put:put", "Upload files and folders."),
    "get": ("scar.cli.commands.put:get", "Download objects."),
    "run": (
        "scar.cli.commands.run:run",
        "Run a function once, or on the files of its input folder.",
    ),
    "invoke": ("scar.cli.commands.invoke:invoke", "Call a function as an HTTP client would."),
    "status": (
        "scar.cli.commands.status:status",
        "Show how many runs are where, and the latest ones.",
    ),
    "why": ("scar.cli.commands.why:why", "Tell what became of a run or a file, and why."),
    "retry": (
        "scar.cli.commands.retry:retry",
        "Start failed and lost runs again, with the same input.",
    ),
    "wait": ("scar.cli.commands.wait:wait", "Wait until runs are over."),
    "cancel": (
        "scar.cli.commands.retry:cancel",
        "End runs that wait or run in Batch. Lambda's cannot be ended from outside.",
    ),
    "logs": ("scar.cli.commands.log:log", _LOG),
    "log": ("scar.cli.commands.log:log", _LOG),
    "image": (
        "scar.cli.commands.image:image",
        "Look at images; compose those of functions into files.",
    ),
    "local": ("scar.cli.commands.local:local", "Start, stop and look at the local cloud."),
    "version": ("scar.cli.commands.version:version", "Show scar's version."),
}


class LazyGroup(click.Group):
    """Knows its commands by name and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{name} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(scar.__version__, message="scar %(version)s")
@target_options
def cli() -> None:
    """Run container images over files: on AWS Lambda, AWS Batch, or on this machine."""
