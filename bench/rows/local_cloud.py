"""The local cloud: files a second from upload to output, and what an idle one needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench._local import bench, engines, write_busybox_image
from bench.kit.lines import Line, Target
from bench.kit.processes import cpu_seconds, descendants, memory_mb, read_times
from scar.local.home import LocalCloudHome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench._local import BenchCloud
    from bench.kit.context import Context

RATES = {"process": 150, "sandbox": 100}
MOST_IDLE_MB = 120
SETTLE_SECONDS, IDLE_SECONDS = 5, 10
STALLED_SECONDS = 60.0
POLL_SECONDS = 0.1
SIZE, WARM_UP = 10_000, 20
SCRIPT = """#!/bin/sh
exec cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"
"""


def measure_process(context: Context) -> Iterator[Line]:
    """Yield files a second with the process engine."""
    yield from _measure_rate(context, "process")


def measure_sandbox(context: Context) -> Iterator[Line]:
    """Yield files a second with the sandbox engine; a line without a target where it cannot run."""
    yield from _measure_rate(context, "sandbox")


def measure_idle(context: Context) -> Iterator[Line]:
    """Yield the memory and the CPU time of a local cloud with one function and nothing to do."""
    del context
    with bench("process") as cloud:
        cloud.copy_function("idle", "lambda")
        time.sleep(SETTLE_SECONDS)
        server = _server(cloud)
        found = descendants(server)
        before = sum(cpu_seconds(pid) for pid in found)
        time.sleep(IDLE_SECONDS)
        used = sum(cpu_seconds(pid) for pid in found) - before
        memory = sum(memory_mb(pid) for pid in found)
        resident = memory_mb(server, "Rss")
    yield Line(
        row="local-idle",
        work="memory of an idle local cloud (PSS of its processes)",
        ours=memory,
        unit="MB",
        details=f"server's RSS {resident:.0f} MB, {100 * used / IDLE_SECONDS:.1f} % of a core",
        target=Target(MOST_IDLE_MB, of="own"),
    )


def _measure_rate(context: Context, engine: str) -> Iterator[Line]:
    row, work = f"local-{engine}", f"upload to output, {engine} engine, `cp` of 10 KB"
    if engine not in engines():
        yield Line(row=row, work=work, ours=0.0, unit="files/s", details=f"no {engine} engine here")
        return
    count = context.choose(1000, 200)
    with bench(engine) as cloud:
        write_busybox_image(cloud.folder / "image.tar")
        cloud.copy_function("copy", "lambda", SCRIPT)
        _transfer(cloud, "warm", WARM_UP)
        before = _times(cloud)
        seconds = _transfer(cloud, "file", count)
        used = {name: value - before[name] for name, value in _times(cloud).items()}
    each = ", ".join(f"{name} {1e3 * value / count:.1f}" for name, value in used.items())
    yield Line(
        row=row,
        work=work,
        ours=count / seconds,
        unit="files/s",
        details=f"ms of CPU time a file: {each}; {count:,} files",
        target=Target(RATES[engine], of="own", at_least=True),
    )


def _transfer(cloud: BenchCloud, name: str, count: int) -> float:
    """Upload files with one command; return the seconds until all outputs exist."""
    folder = cloud.folder / name
    folder.mkdir()
    for number in range(count):
        (folder / f"{name}-{number:06}").write_bytes(b"%06d" % number + bytes(SIZE - 6))
    begin = last = time.perf_counter()
    cloud.scar("put", "-b", "bench/copy-in", "-p", str(folder))
    found = 0
    while found < count:
        before, found = found, _count_outputs(cloud, f"copy-out/{name}", found)
        last = time.perf_counter() if found > before else last
        if time.perf_counter() - last > STALLED_SECONDS:
            raise TimeoutError(
                f"{found} of {count} outputs, and no other for {STALLED_SECONDS:g} s:\n"
                + cloud.scar("status")
            )
        time.sleep(POLL_SECONDS)
    return time.perf_counter() - begin


def _count_outputs(cloud: BenchCloud, prefix: str, found: int) -> int:
    """Return how many outputs exist without a gap; ``found`` are known to exist.

    Only later ones are listed: to list all each time took a tenth of the machine.
    """
    start = f"{prefix}-{found - 1:06}" if found else f"{prefix}-"
    page = cloud.s3.list_objects_v2(Bucket="bench", Prefix=f"{prefix}-", StartAfter=start)
    for entry in page.get("Contents", []):
        if entry["Key"] != f"{prefix}-{found:06}":
            break
        found += 1
    return found


def _server(cloud: BenchCloud) -> int:
    running = LocalCloudHome(cloud.folder / "cloud").running_server()
    if running is None:
        raise RuntimeError("the local cloud does not run")
    return running.pid


def _times(cloud: BenchCloud) -> dict[str, float]:
    """Return the CPU seconds of the server, of the supervisors and of what they waited for."""
    server, *others = descendants(_server(cloud))
    own = read_times(server)
    # Sandboxes that have ended are with the server's ended children; scripts with the supervisors'.
    times = [read_times(pid) for pid in others]
    return {
        "server": own.own,
        "supervisors": sum(each.own for each in times) + own.ended,
        "scripts": sum(each.ended for each in times),
    }
