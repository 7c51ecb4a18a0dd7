"""Command line: ``python -m examples.runner NAME``, from the top folder of the repository."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from examples.runner.images import TOOLS, ImageNotBuiltError, build_image
from examples.runner.requirements import missing_requirements
from examples.runner.runs import copy_example, needs_image, run_example

EXAMPLES = Path(__file__).parents[1]


def main(arguments: list[str]) -> int:
    """Run one example; return 0 if its results are those expected, else 1."""
    names = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))
    parser = argparse.ArgumentParser(prog="python -m examples.runner", description=__doc__)
    parser.add_argument("name", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--work", type=Path, default=Path(".examples"), help="folder for results")
    parser.add_argument("--tool", choices=TOOLS, default="", help="what builds the image")
    chosen = parser.parse_args(arguments)
    work = (chosen.work / chosen.name).absolute()
    if missing := missing_requirements(EXAMPLES / chosen.name, os.environ):
        print(f"{chosen.name} cannot run here yet:", *missing, sep="\n- ", file=sys.stderr)
        print(f"See {EXAMPLES / chosen.name / 'README.md'}.", file=sys.stderr)
        return 1
    try:
        folder = copy_example(EXAMPLES / chosen.name, work)
        if needs_image(folder):
            cached_image(folder, work, chosen.tool)
        return run_in_local_cloud(folder, work)
    except (ImageNotBuiltError, subprocess.CalledProcessError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def cached_image(folder: Path, work: Path, tool: str) -> None:
    """Put ``image.tar`` into the folder: that of an earlier run, if its sources are the same."""
    sources = [path for path in sorted(folder.iterdir()) if path.is_file()]
    digest = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in sources))
    kept = work / f"image-{digest.hexdigest()[:12]}.tar"
    if not kept.exists():
        build_image(folder, tool)
        for old in work.glob("image-*.tar"):
            old.unlink()
        (folder / "image.tar").rename(kept)
    (folder / "image.tar").symlink_to(kept)


def run_in_local_cloud(folder: Path, work: Path) -> int:
    """Run the README's commands in a local cloud of their own; compare; stop it in any case."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SCAR_LOCAL"))},
        "SCAR_LOCAL": "1",
        "SCAR_LOCAL_HOME": str(work / "cloud"),
    }
    if engine := os.environ.get("SCAR_LOCAL_ENGINE"):
        environment["SCAR_LOCAL_ENGINE"] = engine
    try:
        found = run_example(folder, environment)
    finally:
        subprocess.run(["scar", "local", "stop"], env=environment, capture_output=True, check=True)
    if found:
        print(f"\n{folder.name} did not do what was expected:", *found, sep="\n- ", file=sys.stderr)
        print(f"\nLook at it with SCAR_LOCAL=1 SCAR_LOCAL_HOME={work / 'cloud'}, then: scar local"
              " reset", file=sys.stderr)  # fmt: skip
        return 1
    shutil.rmtree(work / "cloud", ignore_errors=True)
    print(f"\n{folder.name}: the results are those expected. They are in {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
