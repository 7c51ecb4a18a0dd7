"""Images of all kinds that users have, small ones, built from files of this machine."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scar.image.formats.layer import LayerEntry, LayerFile, LayerFolder, LayerSymlink
from supervisor.model import ImageDefaults
from tests.conformance.engine_harness import unavailable
from tests.fakes.local_cloud import busybox_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

MANY = 120
_WRITE = '>"$TMP_OUTPUT_DIR/$SCAR_SITE"'
_SHELL = {"PATH": "/usr/bin:/bin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An image, base layer first; ``says`` is what its run writes. No script: its own program."""

    layers: tuple[Mapping[str, LayerEntry], ...]
    says: str
    run: ImageDefaults = ImageDefaults(environment=_SHELL)  # noqa: RUF009 - frozen
    script: str = ""

    def script_text(self) -> str:
        return f"#!/bin/sh\n{{ {self.script}; }} {_WRITE}\n"


def kinds() -> dict[str, Kind]:
    """Return the images by name; skip, or in CI fail, where this machine lacks the files."""
    busybox = busybox_tree()
    return {
        "busybox": Kind(layers=(busybox,), script="ls /bin/busybox", says="/bin/busybox"),
        "debian": Kind(layers=(_debian(),), script="cat /etc/debian_version", says="12.like"),
        "entrypoint": Kind(
            layers=(busybox,),
            run=ImageDefaults(
                entrypoint=("/bin/sh", "-c", f'echo "$0 $1 $PWD" {_WRITE}'),
                command=("zero", "one"),
                environment=_SHELL,
                workdir="/etc",
            ),
            says="zero one /etc",
        ),
        "no-shell": Kind(
            layers=({"busybox": busybox["bin/busybox"]},),
            run=ImageDefaults(
                entrypoint=("/busybox", "sh", "-c"), command=(f'echo "no shell" {_WRITE}',)
            ),
            says="no shell",
        ),
        "user": Kind(
            layers=(busybox,),
            run=ImageDefaults(environment=_SHELL, user="worker"),
            script='[ "$(id -u)" = 0 ] && echo root || echo somebody',
            says="somebody",
        ),
        "read-only": Kind(
            layers=({**busybox, **{name: LayerFolder(0o555) for name in ("bin", "etc", "home")}},),
            run=ImageDefaults(environment=_SHELL, user="worker"),
            script="touch /file /etc/file 2>/dev/null && echo writable || echo read-only",
            says="read-only",
        ),
        "own-opt": Kind(
            layers=(busybox, {"opt/own/tool": LayerFile(b"mine"), "opt": LayerFolder(0o755)}),
            script="cat /opt/own/tool",
            says="mine",
        ),
        "variables": Kind(
            layers=(busybox,),
            run=ImageDefaults(
                environment={
                    **_SHELL,
                    "PYTHONHOME": "/a",
                    "LD_PRELOAD": "/b.so",
                    "LD_LIBRARY_PATH": "/c",
                }
            ),
            script='echo "$PYTHONHOME $LD_PRELOAD $LD_LIBRARY_PATH"',
            says="/a /b.so /c",
        ),
        "layers": Kind(
            layers=(busybox, *({"etc/last": LayerFile(b"%d" % n)} for n in range(2, MANY + 1))),
            script="cat /etc/last",
            says=str(MANY),
        ),
    }


def _debian() -> dict[str, LayerEntry]:
    """Return a root as Debian lays it out: merged /usr, programs that need its C library."""
    tree: dict[str, LayerEntry] = {
        **{name: LayerSymlink(f"usr/{name}") for name in ("bin", "lib", "lib64")},
        "etc/debian_version": LayerFile(b"12.like"),
        "etc/passwd": LayerFile(b"root:x:0:0:root:/root:/bin/sh\n"),
        "usr/bin/sh": LayerSymlink("dash"),
        "tmp": LayerFolder(0o1777),
    }
    for program in ("dash", "cat"):
        path = Path("/usr/bin", program)
        if not path.is_file():
            unavailable(f"there is no {path}")
        tree[f"usr/bin/{program}"] = LayerFile(path.read_bytes(), 0o755)
        told = subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=True, text=True).stdout
        for library in re.findall(r"(/lib\S+)", told):
            tree[f"usr{library}"] = LayerFile(Path(library).read_bytes(), 0o755)
    return tree
