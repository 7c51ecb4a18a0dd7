"""The contract of all engines, and of those whose ``guarantees`` include more."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scar.local.engines.port import GpuDevice, SandboxProfile
from tests.conformance.sandbox_starter import TIMEOUT, wait_for
from tests.container_skips import NOT_FOR_ENGINE

if TYPE_CHECKING:
    from tests.conformance.sandbox_starter import SandboxStarter


@pytest.mark.parametrize("status", [0, 3, 255])
def test_the_exit_status_is_returned(bench: SandboxStarter, status: int) -> None:
    ended, _ = bench.run(f"exit {status}")
    assert (ended.status, ended.out_of_memory) == (status, False)


def test_a_signals_number_is_returned(bench: SandboxStarter) -> None:
    ended, _ = bench.run("kill -9 $$; sleep 1")
    # A shell that is process 1 of its own namespace cannot kill itself.
    assert ended.status in {137, 0}


def test_all_output_was_passed_on_when_wait_returns(bench: SandboxStarter) -> None:
    _, text = bench.run("echo out; echo err >&2; printf last")
    # Engines with separate streams for stdout and stderr keep the order within each only.
    assert sorted(text.replace("\n", "")) == sorted("outerrlast")
    assert all(word in text for word in ("out", "err", "last"))


def test_much_output_arrives_whole(bench: SandboxStarter) -> None:
    ended, text = bench.run("head -c 20000000 /dev/zero | tr '\\0' x")
    assert ended.status == 0
    assert len(text) == 20_000_000


def test_the_environment_is_the_specifications_own(
    bench: SandboxStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVERS_OWN_SECRET", "1")
    _, text = bench.run("env")
    assert "GREETING=a b  c\n" in text
    assert "SERVERS_OWN_SECRET" not in text


def test_wait_returns_none_while_the_sandbox_runs(bench: SandboxStarter) -> None:
    sandbox, _ = bench.start("sleep 3600")
    assert sandbox.wait(0.01) is None


def test_a_sandbox_outlives_the_thread_that_started_it(bench: SandboxStarter) -> None:
    """Calls start sandboxes in threads of single requests, and the next call finds them warm."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        script = "echo ready; while [ ! -e /tmp/never ]; do sleep 0.02; echo beat; done"
        sandbox, output = pool.submit(bench.start, script).result(TIMEOUT)
        output.until(b"ready")
    beats = output.text.count("beat")
    wait_for(lambda: sandbox.wait(0) is not None or output.text.count("beat") > beats + 2)
    assert sandbox.wait(0) is None


def test_stop_with_grace_waits_until_the_main_process_exits(bench: SandboxStarter) -> None:
    sandbox, output = bench.start(
        "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    )
    output.until(b"ready")
    sandbox.stop(TIMEOUT)
    ended = sandbox.wait(TIMEOUT)
    assert ended is not None
    assert ended.status == 5
    assert "bye" in output.text


def test_stop_kills_a_process_that_ignores_term(bench: SandboxStarter) -> None:
    sandbox, output = bench.start("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    output.until(b"ready")
    sandbox.stop(0.2)
    ended = sandbox.wait(TIMEOUT)
    assert ended is not None
    assert ended.status == 137


def test_stop_without_grace_gives_no_time_to_react(bench: SandboxStarter) -> None:
    sandbox, output = bench.start(
        "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    )
    output.until(b"ready")
    sandbox.stop(0)
    ended = sandbox.wait(TIMEOUT)
    assert ended is not None
    assert ended.status == 137
    assert "bye" not in output.text


def test_children_in_sessions_of_their_own_end_with_the_main_process(bench: SandboxStarter) -> None:
    sandbox, output = bench.start(
        "up=${TMPDIR:-/tmp}/up; export up;"
        'env -i up="$up" setsid sh -c "while :; do echo beat; touch \\$up; sleep 0.02; done" &'
        'until [ -e "$up" ]; do sleep 0.02; done; exit 4'
    )
    ended = sandbox.wait(TIMEOUT)
    assert ended is not None
    assert ended.status == 4
    assert "beat" in output.text
    length = len(output.data)
    time.sleep(0.1)
    assert len(output.data) == length


def test_memory_beyond_the_limit_ends_as_out_of_memory(bench: SandboxStarter) -> None:
    # dd holds one block in memory; its parent shell waits for it.
    script = "dd if=/dev/zero of=/dev/null bs=400M count=100000 2>/dev/null; exit $?"
    ended, _ = bench.run(script, memory_mb=128)
    assert ended.out_of_memory
    assert ended.status != 0


def test_the_peak_of_memory_is_measured(bench: SandboxStarter) -> None:
    sandbox, _ = bench.start("dd if=/dev/zero of=/dev/null bs=100M count=100000 2>/dev/null")
    wait_for(lambda: sandbox.peak_memory_mb() >= 90)
    assert sandbox.peak_memory_mb() <= 512
    assert sandbox.wait(0) is None


def test_the_temporary_folder_is_new_and_of_one_sandbox_only(bench: SandboxStarter) -> None:
    script = 'cd "${TMPDIR:-/tmp}" && ls -A && echo here > file && sleep 0.2 && cat file'
    with ThreadPoolExecutor() as threads:
        texts = list(threads.map(lambda _: bench.run(script)[1], range(2)))
    assert texts == ["here\n", "here\n"]


def test_more_than_fits_into_tmp_is_not_written(bench: SandboxStarter) -> None:
    if not bench.harness.engine.guarantees.tmp_size:
        pytest.skip("not guaranteed by this engine")
    ended, _ = bench.run('head -c 30000000 /dev/zero > "${TMPDIR:-/tmp}/big"', tmp_mb=16)
    assert ended.status != 0
    assert not ended.out_of_memory


def test_only_tmp_is_writable_in_lambda(bench: SandboxStarter) -> None:
    if not bench.harness.engine.guarantees.filesystem:
        pytest.skip("not guaranteed by this engine")
    ended, text = bench.run(
        "for d in / /opt /etc /var /dev/shm; do echo x > $d/new && echo wrote $d; done 2>/dev/null;"
        "echo x > /tmp/new && echo done"
    )
    assert (ended.status, text) == (0, "done\n")


def test_lambda_runs_as_an_unprivileged_user(bench: SandboxStarter) -> None:
    if not bench.harness.engine.guarantees.user:
        pytest.skip("not guaranteed by this engine")
    _, text = bench.run("id -u; grep CapEff /proc/self/status")
    uid, _, effective = text.split()
    assert int(uid) > 0
    assert int(effective, 16) == 0


def test_closing_ends_the_sandbox_and_may_be_repeated(bench: SandboxStarter) -> None:
    sandbox, output = bench.start("echo ready; sleep 3600")
    output.until(b"ready")
    sandbox.close()
    sandbox.close()
    ended = sandbox.wait(TIMEOUT)
    assert ended is not None
    assert ended.status == 137


def test_closing_the_engine_ends_every_sandbox(bench: SandboxStarter) -> None:
    started = [bench.start("echo ready; sleep 3600") for _ in range(3)]
    for _, output in started:
        output.until(b"ready")
    bench.harness.engine.close()
    assert [ended.status for s, _ in started if (ended := s.wait(TIMEOUT))] == [137] * 3


def test_preparing_twice_is_harmless(bench: SandboxStarter) -> None:
    image = bench.harness.image("echo prepared")
    bench.harness.engine.prepare(image)
    bench.harness.engine.prepare(image)
    assert bench.run("echo prepared")[1] == "prepared\n"


def test_many_start_at_once(bench: SandboxStarter) -> None:
    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(lambda n: bench.run(f"echo {n % 3}")[1], range(12)))
    assert texts == [f"{n % 3}\n" for n in range(12)]


def test_a_batch_sandbox_runs_too(bench: SandboxStarter) -> None:
    sandbox, output = bench.start("echo batch; exit 2", profile=SandboxProfile.BATCH)
    ended = sandbox.wait(TIMEOUT)
    assert ended is not None
    assert (ended.status, output.text) == (2, "batch\n")


def test_a_job_has_the_device_nodes_of_its_gpus_and_no_others(bench: SandboxStarter) -> None:
    if bench.harness.engine.name != "sandbox":
        pytest.skip(f"{NOT_FOR_ENGINE}: Docker needs NVIDIA's runtime; processes see all devices")
    nodes = [f"/dev/shm/scar-{uuid.uuid4().hex}" for _ in range(2)]
    for node in nodes:
        Path(node).touch()
    try:
        gpus = (GpuDevice(index=0, id="0", nodes=(nodes[0],)),)
        sandbox, output = bench.start("ls /dev", profile=SandboxProfile.BATCH, gpus=gpus)
        assert sandbox.wait(TIMEOUT) is not None
    finally:
        for node in nodes:
            Path(node).unlink()
    assert Path(nodes[0]).name in output.text
    assert Path(nodes[1]).name not in output.text


def test_draining_returns_when_no_output_is_pending(bench: SandboxStarter) -> None:
    sandbox, output = bench.start("echo ready; exec sleep 3600")
    output.until(b"ready")
    begun = time.monotonic()
    sandbox.drain(TIMEOUT)
    assert time.monotonic() - begun < TIMEOUT
