"""The README shows what the demo really prints, and the demo works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance.engine_harness import unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
PROJECT = "Anna's projects ü"  # a folder that must be quoted in a shell
EXAMPLE = ROOT / "examples" / "earthquakes"
BUNDLE = ROOT / "supervisor" / "bundle" / "dist"
SCAR = f"""\
#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
from scar.cli.main import main
sys.exit(main())
"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """Run the demo with the engine that every machine has; return what it printed."""
    if not list(BUNDLE.glob("*.tar.gz")):
        unavailable("there is no bundle: run `make bundle`")
    copy = tmp_path / PROJECT / "earthquakes"
    shutil.copytree(EXAMPLE, copy)
    scar = tmp_path / "bin" / "scar"
    scar.parent.mkdir()
    scar.write_text(SCAR)
    scar.chmod(0o755)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SCAR_"))},
        "PATH": f"{scar.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SCAR_LOCAL_ENGINE": "process",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    image = [sys.executable, "-m", "scar.image.demo", str(copy / "image.tar")]
    subprocess.run(image, env=environment, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    work = copy.parent / ".demo"
    try:
        done = subprocess.run(
            [copy / "demo.sh", work],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout
        yield done.stdout
    finally:
        stop = {**environment, "SCAR_LOCAL_HOME": str(work / "cloud")}
        subprocess.run([scar, "local", "stop"], env=stop, check=True, capture_output=True)


def shown(text: str) -> list[str]:
    """Return lines without what differs from run to run: times, ids, terminal codes."""
    text = re.sub(r"\x1b\[\d*m", "", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "TIME", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)
    # Whose line it is: the beginning of a request id or log stream.
    text = re.sub(r"^(TIME (?:lambda|batch ) )[0-9a-f]{8}", r"\1ID", text, flags=re.MULTILINE)
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.timeout(1200)
def test_the_readme_shows_the_demo(demo: str, tmp_path: Path) -> None:
    block = re.search(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block is not None
    wanted = [line for line in shown(block[1]) if line not in {"", "..."}]
    printed = iter(shown(demo.replace(f"{tmp_path / PROJECT}/", "")))
    for line in wanted:
        assert line in printed, f"not printed, or not in this order: {line}\n{demo}"

    hints = [line.strip() for line in demo.splitlines() if re.match(r"  (export|cd) ", line)]
    assert len(hints) == 3
    commands = "\n".join([*hints, "pwd", 'echo "$SCAR_LOCAL_HOME"'])
    pasted = subprocess.run(
        ["sh", "-euc", commands], capture_output=True, text=True, check=True
    ).stdout
    project = tmp_path / PROJECT
    assert pasted.splitlines() == [str(project / "earthquakes"), str(project / ".demo" / "cloud")]


def test_the_readme_names_only_commands_and_files_that_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", re.sub(r"\n[^`\n]*nothing[^\n]*", "", readme)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for link in re.findall(r"\]\((?!http)([^)]+)\)", readme):
        assert (ROOT / link.partition("#")[0]).exists(), link
