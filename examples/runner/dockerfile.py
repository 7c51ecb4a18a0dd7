"""What a Dockerfile of an example says: Debian packages, files to copy, commands, variables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DEBIAN = re.compile(r"debian:(bookworm)(?:-slim)?")
_CONTINUED = re.compile(r"\\\n\s*")
_INSTALL = re.compile(
    r"apt-get update && apt-get install((?: [\w.+-]+)+)(?: && rm -rf /var/lib/apt/lists/\*)?"
)


class UnsupportedDockerfileError(Exception):
    """The Dockerfile has something that only a container engine can build."""


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Debian release, packages of it, and hooks of mmdebstrap in the order of the file."""

    release: str
    packages: tuple[str, ...]
    hooks: tuple[str, ...]
    variables: tuple[str, ...]


def parse_dockerfile(path: Path) -> Dockerfile:
    """Parse the small part of Dockerfiles that mmdebstrap can build.

    Raise UnsupportedDockerfileError for everything else.
    """
    release, packages, hooks, variables = "", [], [], []
    text = _CONTINUED.sub("", path.read_text())
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM" and (base := DEBIAN.fullmatch(rest)):
            release = base[1]
        elif word == "RUN" and (install := _INSTALL.fullmatch(rest)):
            packages += [name for name in install[1].split() if not name.startswith("-")]
        elif word == "RUN" and not rest.startswith("-"):
            # The folder of the image is $1 of a hook's shell; the command is a word of its own.
            hooks.append(f"chroot \"$1\" sh -c '{_quoted(rest)}'")
        elif word == "COPY" and not rest.startswith("-") and rest.endswith("/"):
            hooks.append(f"copy-in {rest}")
        elif word == "ENV" and "=" in rest:
            variables.append(rest)
        elif word and not word.startswith("#"):
            raise UnsupportedDockerfileError(f"{path.name}: {line.strip()}")
    return Dockerfile(release, tuple(packages), tuple(hooks), tuple(variables))


def _quoted(text: str) -> str:
    return text.replace("'", "'\\''")
