"""Scripts as real processes: output, status, deadlines, and what they leave behind."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import ConfigError, DeadlineExceeded
from supervisor.execution.process_runner import TAIL_BYTES, ProcessRunner
from supervisor.execution.users import is_id_mapped, resolve_user
from supervisor.invocation import ProcessSpec
from supervisor.logs import Log

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[4]
UNTIL_THERE = "while [ ! -s $PIDS ]; do sleep 0.01; done"


def a_runner(printed: list[bytes] | None = None, grace: float = 0.3) -> ProcessRunner:
    kept = printed if printed is not None else []
    return ProcessRunner(Log(write=lambda _: None), write=kept.append, grace=grace)


def run_out_of_time(runner: ProcessRunner, task: ProcessSpec, begun: Callable[[], bool]) -> None:
    """Run an endless script until it has begun, then let its time end."""
    for seconds in (0.5, 5, 50, 500):
        with pytest.raises(DeadlineExceeded):
            runner.run(task, timeout=seconds)
        if begun():
            return
    pytest.fail("the script did not begin")


def a_task(folder: Path, shell: str, *argv: str) -> ProcessSpec:
    return ProcessSpec(
        argv=argv or ("/bin/sh", "-c", shell),
        cwd=folder,
        environment={"PATH": "/usr/bin:/bin", "PIDS": str(folder / "pids")},
        folder=folder,
    )


def assert_gone(pids: Path) -> None:
    for pid in map(int, pids.read_text().split()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    ("shell", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill $$", 143)]
)
def test_the_status_is_the_scripts_own_or_128_and_the_signal(
    tmp_path: Path, shell: str, status: int
) -> None:
    assert a_runner().run(a_task(tmp_path, shell), timeout=None) == (status, b"")


def test_the_kernel_kills_the_script_and_what_it_starts_before_the_supervisor(
    tmp_path: Path,
) -> None:
    shell = "sleep 0.2; cat /proc/self/oom_score_adj"
    _, output = a_runner().run(a_task(tmp_path, shell), timeout=300)
    assert int(output) == 1000
    assert int(Path("/proc/self/oom_score_adj").read_text()) < 1000


def test_both_streams_are_passed_on_and_kept_in_order(tmp_path: Path) -> None:
    printed: list[bytes] = []
    task = a_task(tmp_path, "echo one; echo two >&2; echo three")
    status, output = a_runner(printed).run(task, timeout=300)
    assert (status, output) == (0, b"one\ntwo\nthree\n")
    assert b"".join(printed) == output


@pytest.mark.parametrize("shell", ["printf half", "printf half; exec sleep 60"])
def test_an_unfinished_line_is_ended_in_the_log_before_the_next_entry(
    tmp_path: Path, shell: str
) -> None:
    printed: list[bytes] = []
    task = a_task(tmp_path, shell)
    if "sleep" in shell:
        run_out_of_time(a_runner(printed), task, lambda: bool(printed))
    else:
        assert a_runner(printed).run(task, timeout=None) == (0, b"half")
    assert b"".join(printed) == b"half\n"


def test_fifty_megabytes_of_output_do_not_grow_memory(tmp_path: Path) -> None:
    count = [0]
    runner = ProcessRunner(
        Log(write=lambda _: None), write=lambda data: count.__setitem__(0, count[0] + len(data))
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, output = runner.run(a_task(tmp_path, "head -c 50000000 /dev/zero; echo end"), timeout=300)
    assert count[0] == 50_000_004
    assert len(output) == TAIL_BYTES
    assert output.endswith(b"end\n")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024


@pytest.mark.parametrize(
    "shell",
    [
        "sleep 3600 & echo $! > $PIDS",
        f"setsid sh -c 'echo $$ > $PIDS; exec sleep 3600' & {UNTIL_THERE}",
        (
            "setsid sh -c 'trap \"\" TERM; sleep 3600 & echo $! $$ > $PIDS; wait' </dev/null "
            f">/dev/null 2>&1 & {UNTIL_THERE}"
        ),
    ],
    ids=["child", "session of its own", "grandchild that ignores TERM"],
)
@pytest.mark.parametrize("end", ["", "; sleep 3600"], ids=["ended", "too slow"])
def test_no_child_is_left_behind(tmp_path: Path, shell: str, end: str) -> None:
    task, pids = a_task(tmp_path, shell + end), tmp_path / "pids"
    if end:
        run_out_of_time(a_runner(), task, lambda: pids.exists() and pids.read_text() != "")
    else:
        assert a_runner().run(task, timeout=None) == (0, b"")
    assert_gone(pids)


def test_children_of_a_short_script_end_with_it_in_a_new_process_too(
    tmp_path: Path,
) -> None:
    """A new process has no imports left to do while the script runs."""
    shell = (
        "(setsid sh -c 'echo $$ >>$PIDS.half; mv $PIDS.half $PIDS; exec sleep 60' "
        "</dev/null >/dev/null 2>&1 &); while [ ! -e $PIDS ]; do :; done"
    )
    program = f"""
from pathlib import Path
from supervisor.invocation import ProcessSpec
from supervisor.logs import Log
from supervisor.execution import child_processes as processes
from supervisor.execution.process_runner import ProcessRunner
slow = processes.adopt_orphans
def adopt():
    import time
    time.sleep(0.3)
    return slow()
processes.adopt_orphans = adopt
folder = Path({str(tmp_path)!r})
environment = {{"PATH": "/usr/bin:/bin", "PIDS": str(folder / "pids")}}
task = ProcessSpec(
    argv=("/bin/sh", "-c", {shell!r}), cwd=folder, environment=environment, folder=folder
)
ProcessRunner(Log(write=lambda _: None), write=lambda _: None).run(task, timeout=300)
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=300)
    assert_gone(tmp_path / "pids")


STRAYS = {
    "none": "true",
    "child": "sleep 3600 & echo $! > $PIDS",
    "double fork": f"(setsid sh -c 'echo $$ > $PIDS; exec sleep 3600' &); {UNTIL_THERE}",
    "zombie": f"(setsid sh -c 'echo $$ > $PIDS' &); {UNTIL_THERE}",
    "forking": (
        "(setsid sh -c 'echo $$ > $PIDS; while :; do (sleep 0.01; : ) & wait $!; done' &);"
        f" {UNTIL_THERE}"
    ),
}


@pytest.mark.parametrize("adopted", [True, False], ids=["adopted", "not adopted"])
@pytest.mark.parametrize("stray", STRAYS)
def test_the_process_table_is_read_only_if_a_process_may_be_left(
    tmp_path: Path, stray: str, adopted: bool
) -> None:
    """Without PR_SET_CHILD_SUBREAPER only the table tells; it finds the script's session."""
    shell = STRAYS[stray] if adopted else STRAYS[stray].replace("setsid ", "")
    program = f"""
import os, sys
from pathlib import Path
from supervisor.invocation import ProcessSpec
from supervisor.logs import Log
from supervisor.execution import child_processes
from supervisor.execution.process_runner import ProcessRunner
if not {adopted}:
    child_processes.adopt_orphans()  # the parent is the process 1 of this test
    if child := os.fork():
        while (ended := os.wait())[0] != child:
            pass
        sys.exit(os.waitstatus_to_exitcode(ended[1]))
    child_processes.adopt_orphans = lambda: False
folder, reads = Path({str(tmp_path)!r}), []
def count(name, arguments):
    if (name, *arguments) == ("os.scandir", "/proc"):
        reads.append(name)
sys.addaudithook(count)
environment = {{"PATH": "/usr/bin:/bin", "PIDS": str(folder / "pids")}}
task = ProcessSpec(
    argv=("/bin/sh", "-c", {shell!r}), cwd=folder, environment=environment, folder=folder
)
for _ in range(2):
    (folder / "pids").unlink(missing_ok=True)
    assert ProcessRunner(Log(write=print), write=lambda _: None).run(task, timeout=300)[0] == 0
    try:
        left = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        left = None
    print(len(reads) > 0, left)
    reads.clear()
"""
    shown = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        check=True,
        timeout=300,
        capture_output=True,
        text=True,
    )
    is_read = stray != "none" or not adopted
    assert shown.stdout == f"{is_read} None\n" * 2
    if stray != "none":
        assert_gone(tmp_path / "pids")


def test_at_the_deadline_the_script_gets_term_and_may_clean_up(tmp_path: Path) -> None:
    printed: list[bytes] = []
    shell = "trap 'echo bye; exit 0' TERM; echo ready; sleep 3600 & wait"
    run_out_of_time(a_runner(printed, grace=300), a_task(tmp_path, shell), lambda: bool(printed))
    assert b"".join(printed) == b"ready\nbye\n"


@pytest.mark.parametrize(("name", "status"), [("missing", 127), ("plain", 126)])
def test_a_program_that_cannot_be_started_is_named(tmp_path: Path, name: str, status: int) -> None:
    (tmp_path / "plain").write_text("no program")
    program = str(tmp_path / name)
    got, output = a_runner().run(a_task(tmp_path, "", program), timeout=None)
    assert got == status
    assert program.encode() in output


def test_users_and_groups_are_looked_up_in_the_images_files(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("root:x:0:0::/root:/bin/sh\nann:x:1001:1002::/home/ann:\n")
    (tmp_path / "group").write_text("root:x:0:\nstaff:x:50:ann,bob\nann:x:1002:\n")
    ann = resolve_user("ann", tmp_path)
    assert (ann.uid, ann.gid, ann.groups, ann.home) == (1001, 1002, (50,), "/home/ann")
    assert resolve_user("1001", tmp_path) == ann
    assert resolve_user("ann:staff", tmp_path).gid == 50
    assert (resolve_user("777:888", tmp_path).uid, resolve_user("777:888", tmp_path).gid) == (
        777,
        888,
    )
    assert resolve_user("777", tmp_path).gid == 0
    with pytest.raises(ConfigError, match="'eve'"):
        resolve_user("eve", tmp_path)
    with pytest.raises(ConfigError, match="'wheel'"):
        resolve_user("ann:wheel", tmp_path)


def test_an_id_outside_of_the_map_is_known_as_such() -> None:
    assert is_id_mapped(0, "         0       1000          1\n")
    assert not is_id_mapped(1, "         0       1000          1\n")
    assert is_id_mapped(65534, "         0          0 4294967295\n")
