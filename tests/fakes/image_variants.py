"""Small images of every variant that users have, built from files of this machine."""

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
class ImageVariant:
    """An image, base layer first, and the ``output`` of its run.

    Without a script the image runs its own program.
    """

    layers: tuple[Mapping[str, LayerEntry], ...]
    output: str
    run: ImageDefaults = ImageDefaults(environment=_SHELL)  # noqa: RUF009 - frozen
    script: str = ""

    def script_text(self) -> str:
        return f"#!/bin/sh\n{{ {self.script}; }} {_WRITE}\n"


def image_variants() -> dict[str, ImageVariant]:
    """Return the images by name; skip the test, or fail in CI, if files are missing."""
    busybox = busybox_tree()
    return {
        "busybox": ImageVariant(layers=(busybox,), script="ls /bin/busybox", output="/bin/busybox"),
        "debian": ImageVariant(
            layers=(_debian(),), script="cat /etc/debian_version", output="12.like"
        ),
        "entrypoint": ImageVariant(
            layers=(busybox,),
            run=ImageDefaults(
                entrypoint=("/bin/sh", "-c", f'echo "$0 $1 $PWD" {_WRITE}'),
                command=("zero", "one"),
                environment=_SHELL,
                workdir="/etc",
            ),
            output="zero one /etc",
        ),
        "workdir": ImageVariant(
            layers=(busybox, {"opt/app/model.cfg": LayerFile(b"beside the model")}),
            run=ImageDefaults(environment=_SHELL, workdir="/opt/app"),
            script="cat model.cfg",
            output="beside the model",
        ),
        "closed-workdir": ImageVariant(
            layers=(busybox, {"root": LayerFolder(0o700)}),
            run=ImageDefaults(environment=_SHELL, user="worker", workdir="/root"),
            script='touch here && case "$PWD" in */scar-*) echo "the run\'s own" ;; esac',
            output="the run's own",
        ),
        "no-shell": ImageVariant(
            layers=({"busybox": busybox["bin/busybox"]},),
            run=ImageDefaults(
                entrypoint=("/busybox", "sh", "-c"), command=(f'echo "no shell" {_WRITE}',)
            ),
            output="no shell",
        ),
        "user": ImageVariant(
            layers=(busybox,),
            run=ImageDefaults(environment=_SHELL, user="worker"),
            script='[ "$(id -u)" = 0 ] && echo root || echo unprivileged',
            output="unprivileged",
        ),
        "read-only": ImageVariant(
            layers=({**busybox, **{name: LayerFolder(0o555) for name in ("bin", "etc", "home")}},),
            run=ImageDefaults(environment=_SHELL, user="worker"),
            script="touch /file /etc/file 2>/dev/null && echo writable || echo read-only",
            output="read-only",
        ),
        "own-opt": ImageVariant(
            layers=(busybox, {"opt/own/tool": LayerFile(b"mine"), "opt": LayerFolder(0o755)}),
            script="cat /opt/own/tool",
            output="mine",
        ),
        "variables": ImageVariant(
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
            output="/a /b.so /c",
        ),
        "layers": ImageVariant(
            layers=(busybox, *({"etc/last": LayerFile(b"%d" % n)} for n in range(2, MANY + 1))),
            script="cat /etc/last",
            output=str(MANY),
        ),
    }


def _debian() -> dict[str, LayerEntry]:
    """Return a root file system like Debian's: merged /usr, dynamically linked programs."""
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
            unavailable(f"{path} does not exist")
        tree[f"usr/bin/{program}"] = LayerFile(path.read_bytes(), 0o755)
        output = subprocess.run(["ldd", path], stdout=subprocess.PIPE, check=True, text=True).stdout
        for library in re.findall(r"(/lib\S+)", output):
            tree[f"usr{library}"] = LayerFile(Path(library).read_bytes(), 0o755)
    return tree
