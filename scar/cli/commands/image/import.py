"""``scar image import``: make an image of a root file system."""  # noqa: N999 - the name of the command

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.commands.image.image_output import (
    require_writable_file,
    save_image,
    show_image,
)
from scar.cli.formatting import escape_control_characters, format_count
from scar.cli.options import TextOption, output_options, pass_session, target_options
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.cli.session import Session
    from scar.image.compose.root_import import ImportedImage
    from scar.image.compose.root_sources import RootMember, RootReader
    from supervisor.model import ImageDefaults

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHOWN_NAMES = 3  # of what was left out


@click.command("import")
@click.argument("root", metavar="ROOTFS", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output-file",
    type=click.Path(path_type=Path),
    metavar="FILE.tar",
    required=True,
    help="Write the image to this file.",
)
@click.option(
    "--cmd",
    cls=TextOption,
    metavar="COMMAND",
    default="",
    help="Default command: words, or JSON.",
)
@click.option(
    "--entrypoint",
    cls=TextOption,
    metavar="COMMAND",
    default="",
    help="Entrypoint: words, or JSON.",
)
@click.option("--env", metavar="NAME=VALUE", multiple=True, help="Variable; may be repeated.")
@click.option("--workdir", metavar="PATH", default="/", help="Working directory.")
@click.option("--user", metavar="NAME", default="", help="User, or user:group; default root.")
@click.option("--tag", metavar="NAME:TAG", default="", help="Name of the image in the file.")
@click.option(
    "-a",
    "--architecture",
    type=click.Choice(["x86_64", "arm64"]),
    help="Architecture; default is that of the programs in it.",
)
@output_options
@target_options
@pass_session
def import_root(
    session: Session,
    /,
    root: Path,
    *,
    output_file: Path,
    tag: str,
    architecture: str | None,
    **settings: object,
) -> None:
    """Make an image of a root file system: a tar archive or a folder.

    ROOTFS is a folder, a tar archive (also .gz, .bz2, .xz, .zst), or - for standard input, as
    mmdebstrap, debootstrap, buildroot and `docker export` write them. The result is a file for
    container.image_file, `docker load` and OCI tools. Devices and sockets are left out.

    \b
    Examples:
      mmdebstrap --variant=essential bookworm - | scar image import - -o image.tar
      scar image import rootfs.tar.gz -o image.tar --cmd /usr/bin/tool
    """
    run = _image_defaults(**settings)  # type: ignore[arg-type]
    require_writable_file(output_file)
    from scar.image.compose.inspection import inspect_image
    from scar.image.compose.root_import import import_root as import_members
    from scar.image.compose.root_sources import RootReader
    from scar.image.formats.base_image import ARCHITECTURES, BaseImage
    from scar.image.formats.reference import parse_reference

    if tag:
        parse_reference(tag)
    subject = "Standard input" if str(root) == "-" else str(root)
    reader = RootReader(subject)
    imported = import_members(
        _read_members(session, root, reader, output_file),
        run,
        subject=subject,
        architecture=ARCHITECTURES[architecture] if architecture else "",
        cache=session.services.image_cache(),
    )
    session.terminal.clear_progress()
    save_image(session, imported.image, output_file, tag)
    _report(session, imported, reader.left_out)
    with imported.image.config.open() as config:
        base = BaseImage(
            name=tag or output_file.name, config=config.read(), layers=imported.image.layers
        )
    show_image(session, inspect_image(base), digest=imported.image.digest)


def _read_members(
    session: Session, root: Path, reader: RootReader, output: Path
) -> Iterator[RootMember]:
    from scar.image.compose.root_import import require_root_file_system
    from scar.image.formats.image_file import open_regular_file
    from scar.meter import Meter

    if str(root) == "-":
        if sys.stdin.isatty():
            raise UsageError(
                "Standard input is a terminal.", remedy="Pipe a tar archive into the command."
            )
        yield from reader.read_tar(sys.stdin.buffer)
        return
    try:
        require_root_file_system(root)
        if root.is_dir():
            yield from reader.read_folder(root, output)
            return
        meter = Meter("Reading", show=session.terminal.show_progress)
        with open_regular_file(root, meter) as file:
            yield from reader.read_tar(file)
    except OSError as error:
        raise UsageError(
            f"{root} cannot be read: {error.strerror or error}.",
            remedy="Specify a folder or a tar archive.",
        ) from error


def _report(session: Session, imported: ImportedImage, left_out: Sequence[str]) -> None:
    terminal = session.terminal
    if left_out:
        names = ", ".join(escape_control_characters(name) for name in left_out[:_SHOWN_NAMES])
        more = f" and {len(left_out) - _SHOWN_NAMES:,} more" if len(left_out) > _SHOWN_NAMES else ""
        terminal.write_message(
            f"Left out {format_count(len(left_out), 'file')} (devices, sockets,"
            f" whiteouts): {names}{more}."
        )
    if not imported.has_shell:
        terminal.write_message("The image has no /bin/sh: scripts need another interpreter in it.")


def _image_defaults(
    *, cmd: str, entrypoint: str, env: tuple[str, ...], workdir: str, user: str
) -> ImageDefaults:
    from supervisor.model import ImageDefaults

    environment = {"PATH": _DEFAULT_PATH}
    for text in env:
        name, equals, value = text.partition("=")
        if not name or not equals or "\0" in text:
            raise click.UsageError(f"--env {text!r} is not NAME=VALUE.")
        environment[name] = value
    if not workdir.startswith("/"):
        raise click.UsageError(f"--workdir {workdir!r} is not an absolute path.")
    return ImageDefaults(
        entrypoint=_parse_command("--entrypoint", entrypoint),
        command=_parse_command("--cmd", cmd),
        environment=environment,
        user=user,
        workdir=workdir,
    )


def _parse_command(option: str, text: str) -> tuple[str, ...]:
    """Return the words of a command, which may be a JSON list as in a Dockerfile."""
    try:
        words = json.loads(text) if text.lstrip().startswith("[") else shlex.split(text)
    except ValueError as error:
        raise click.UsageError(f"{option} {text!r} is not a command: {error}.") from error
    if not all(isinstance(word, str) for word in words):
        raise click.UsageError(f"{option} {text!r} is not a list of strings.")
    return tuple(words)
