"""HOME of a script: what the image or function says if it is usable, else a folder of the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.execution.users import has_access
from supervisor.model import ImageDefaults
from tests.fakes.supervisor_factory import STATE, lambda_invocation, new_harness

ROOT = Path(__file__).parents[4]
SCRIPT = (
    'cd; [ "$PWD" = "$HOME" ] && [ "$(ls -A)" = "" ] && touch x && echo "$HOME" && pwd -P;'
    'ls -ld . | cut -c1-10; ln -s "$HOME/x" "$TMP_OUTPUT_DIR/x"; ls -d "$TMP_OUTPUT_DIR/../home"'
)


@pytest.mark.parametrize("home", [None, "", "/nowhere", "/etc/passwd", "relative", "\0x"])
def test_without_a_writable_home_it_is_a_private_empty_folder_of_the_run(
    tmp_path: Path, home: str | None
) -> None:
    harness = new_harness(tmp_path, script=SCRIPT)
    environ = dict(harness.supervisor.environ) | ({} if home is None else {"HOME": home})
    supervisor = replace(harness.supervisor, environ=environ)
    (result,) = supervisor.handle(lambda_invocation({})).results
    chosen, real, mode, _ = result.output.decode().splitlines()
    assert Path(chosen).parent.parent == harness.temporary
    assert Path(real).name == "home"
    assert mode == "drwx------"
    assert not Path(chosen).exists()
    # The run's results are in its other folders.
    done = next(data for key, data in harness.store.keys(STATE).items() if "done" in key)
    assert json.loads(done)["outputs"] == []
    (left_out,) = json.loads(done)["left_out"]
    assert (left_out["reason"], left_out["examples"]) == ("outside", ["x"])


@pytest.mark.parametrize("source", ["process", "image", "function"])
def test_a_writable_home_is_kept_and_the_run_has_no_folder_for_it(
    tmp_path: Path, source: str
) -> None:
    harness = new_harness(tmp_path, script='echo "$HOME"; ls "$TMP_OUTPUT_DIR/.."; mkdir home')
    home = tmp_path / "people" / "ann"
    home.mkdir(parents=True)
    named = {"HOME": str(home)}
    config = harness.supervisor.config
    supervisor = replace(
        harness.supervisor,
        environ=dict(harness.supervisor.environ) | (named if source == "process" else {}),
        config=replace(
            config,
            image=ImageDefaults(environment=named if source == "image" else {}),
            environment=named if source == "function" else {},
        ),
    )
    (result,) = supervisor.handle(lambda_invocation({})).results
    assert result.output.decode().splitlines() == [str(home), "input", "output", "script"]


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "allowed"),
    [
        (0o700, 7, 0, True),
        (0o077, 7, 0, False),  # the owner's bits count, even if they are fewer
        (0o070, 1, 8, True),
        (0o707, 1, 8, False),
        (0o007, 1, 2, True),
        (0o750, 1, 2, False),
        (0o000, 0, 0, True),
    ],
)
def test_access_is_decided_by_the_first_class_that_applies(
    mode: int, uid: int, gid: int, allowed: bool
) -> None:
    status = os.stat_result((mode, 0, 0, 0, 7, 8, 0, 0, 0, 0))
    assert has_access(status, uid, {gid}, 7) is allowed


_AS_USER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from supervisor.execution.process_runner import ProcessRunner
from supervisor.execution.workspace import create_workspace
from supervisor.invocation import ProcessSpec
from supervisor.logs import Log
parent, home, own = Path(sys.argv[2]), sys.argv[3], sys.argv[4]
etc = parent / "etc"
etc.mkdir()
(etc / "passwd").write_text(f"app:x:4321:4321::{home}:/bin/sh\\n")
with create_workspace(parent / "tmp") as run:
    spec = ProcessSpec(
        argv=("/bin/sh", "-c", 'cd && pwd && touch x && id -u'),
        cwd=run.root,
        environment={"PATH": "/usr/bin:/bin", "HOME": own or "/root"},
        folder=run.root,
        has_own_home=bool(own),
        user="app",
    )
    status, output = ProcessRunner(Log(), write=lambda _: None, etc=etc).run(spec, timeout=None)
    print(output.decode().replace(str(run.root), "RUN"), end="")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("case", ["own", "root's", "missing", "image's", "image's, root's"])
def test_the_users_home_is_that_of_passwd_unless_the_image_says_another(case: str) -> None:
    """In Batch the supervisor is root, with HOME=/root, and the script another user."""
    import shutil
    import tempfile

    parent = Path(tempfile.mkdtemp(dir="/tmp"))
    parent.chmod(0o755)
    try:
        theirs, roots = parent / "theirs", parent / "roots"
        theirs.mkdir()
        os.chown(theirs, 4321, 4321)
        roots.mkdir(mode=0o755)
        home = {"own": theirs, "root's": roots}.get(case, parent / "missing")
        own = {"image's": str(theirs), "image's, root's": str(roots)}.get(case, "")
        done = subprocess.run(
            [sys.executable, "-c", _AS_USER, str(ROOT), str(parent), str(home), own],
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        expected = str(theirs) if case in ("own", "image's") else "RUN/home"
        assert done.stdout.splitlines() == [expected, "4321"]
    finally:
        shutil.rmtree(parent)
