"""Uploads while the server is killed again and again: what was acknowledged, and what was lost?

Threads upload objects to a function that copies its input. After every so many acknowledged uploads
the server gets SIGKILL and is started again. Each key is uploaded once only: an upload without an
answer is given up, and another key takes its place, so that each acknowledged key must have exactly
one run. Usage: ``python -m bench.kills [UPLOADS [KILLS [ENGINE [SEED]]]]``; 500, 3, ``process`` and
1 unless given. Exits with status 1 if an acknowledged upload was lost or ran twice as two runs.
"""

from __future__ import annotations

import os
import platform
import random
import signal
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bench._local import bench
from scar.local.control import LocalCloudControl
from scar.local.home import LocalCloudHome
from supervisor.invocation import ObjectEvent
from supervisor.model import ObjectRef, VersionPin
from supervisor.runs.record_format import DONE, input_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from bench._local import BenchCloud

UPLOADS, KILLS, ENGINE, SEED = 500, 3, "process", 1
THREADS = 4
FUNCTION = "kills"
STATE = "scar-123456789012-us-east-1"
MOST_ATTEMPTS = 20  # uploads without an answer, for each that is acknowledged
SECONDS_PER_UPLOAD = 10.0  # after the last upload, until no more outputs are waited for
JOURNALED = """\
#!/usr/bin/python3
import os, shutil
journal = os.open({journal!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
os.write(journal, os.environ["STORAGE_OBJECT_KEY"].encode() + b"\\n")
shutil.copy(os.environ["INPUT_FILE_PATH"], os.environ["TMP_OUTPUT_DIR"])
"""


@dataclass(slots=True)
class KilledServer:
    """The server, which is killed after given numbers of acknowledged uploads."""

    control: LocalCloudControl
    kill_after: Sequence[int]
    acknowledged: set[str] = field(default_factory=set)
    given_up: int = 0
    kills: int = 0
    restart_seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    generation: int = 0

    def connect(self) -> S3Client:
        endpoint = self.control.ensure_started()
        session = boto3.Session(
            endpoint.access_key, endpoint.secret_key, region_name=endpoint.region
        )
        # No retries: the same upload twice would be two events, as on AWS.
        config = Config(
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            connect_timeout=60,
            read_timeout=300,
        )
        return session.client("s3", endpoint_url=endpoint.endpoint_url, config=config)

    def count(self, key: str) -> None:
        """Note an acknowledged upload; kill and restart the server if it is time."""
        with self.lock:
            self.acknowledged.add(key)
            if self.kills >= len(self.kill_after):
                return
            if len(self.acknowledged) < self.kill_after[self.kills]:
                return
            self.kills += 1
            self._kill()
            begin = time.perf_counter()
            self.control.ensure_started()
            self.restart_seconds.append(time.perf_counter() - begin)
            self.generation += 1

    def _kill(self) -> None:
        running = self.control.home.running_server()
        if running is None:
            raise AssertionError
        os.kill(running.pid, signal.SIGKILL)
        while self.control.home.running_server() is not None:
            time.sleep(0.01)


def main() -> None:
    """Print the figures."""
    uploads = int(sys.argv[1]) if len(sys.argv) > 1 else UPLOADS
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else KILLS
    engine = sys.argv[3] if len(sys.argv) > 3 else ENGINE
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else SEED
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    kill_after = sorted(chance.sample(range(1, uploads), min(kills, uploads - 1)))
    with bench(engine) as cloud:
        journal = cloud.folder / "journal"
        _create_function(cloud, journal if engine == "process" else None)
        control = LocalCloudControl(LocalCloudHome(cloud.folder / "cloud"), cloud.environment)
        server = KilledServer(control, kill_after)
        begin = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as threads:
            for _ in threads.map(lambda n: _upload_share(server, n, uploads), range(THREADS)):
                pass
        uploaded = time.perf_counter() - begin
        s3 = server.connect()
        outputs = _wait_for_outputs(s3, server.acknowledged)
        took = time.perf_counter() - begin
        sys.exit(
            _print_figures(
                server, outputs, _runs(s3, server.acknowledged), journal, (uploaded, took)
            )
        )


def _create_function(cloud: BenchCloud, journal: Path | None) -> None:
    cloud.copy_function(FUNCTION, "lambda")
    if journal is not None:
        (cloud.folder / "to_output.py").write_text(JOURNALED.format(journal=str(journal)))
        cloud.scar("init", "-f", "f.yaml")


def _upload_share(server: KilledServer, share: int, uploads: int) -> None:
    """Upload every ``THREADS``-th of the objects, each until one of its keys is acknowledged."""
    s3, generation = server.connect(), server.generation
    for number in range(share, uploads, THREADS):
        for attempt in range(MOST_ATTEMPTS):
            if generation != server.generation:
                s3, generation = server.connect(), server.generation
            key = f"{number:06}-{attempt}"
            try:
                s3.put_object(Bucket="bench", Key=f"{FUNCTION}-in/{key}", Body=key.encode())
            except (BotoCoreError, ClientError):
                with server.lock:  # waits until the server runs again
                    server.given_up += 1
                generation = -1
            else:
                server.count(key)
                break
        else:
            raise TimeoutError(f"no upload of {number} was acknowledged")


def _wait_for_outputs(s3: S3Client, expected: set[str]) -> dict[str, str]:
    """Return the outputs' keys and bodies once all are there, or no more come."""
    folder = f"{FUNCTION}-out/"
    found: set[str] = set()
    last_new = time.monotonic()
    while not expected <= found and time.monotonic() - last_new < 60 + SECONDS_PER_UPLOAD:
        now = {key.removeprefix(folder) for key in _keys(s3, "bench", folder)}
        if now != found:
            found, last_new = now, time.monotonic()
        time.sleep(1)
    read = (
        (key, s3.get_object(Bucket="bench", Key=folder + key)["Body"].read().decode())
        for key in sorted(found & expected)
    )
    return dict(read)


def _runs(s3: S3Client, uploaded: set[str]) -> Counter[str]:
    """Return how many runs of each uploaded key have ended, from the names of the records."""
    source = {input_id(FUNCTION, _event(key)): key for key in uploaded}
    ended = {
        parts[3]
        for parts in (key.split("/") for key in _keys(s3, STATE, f"runs/{FUNCTION}/"))
        if len(parts) == 5 and parts[4].partition(".")[0] == DONE
    }
    return Counter(source[run[:16]] for run in ended if run[:16] in source)


def _event(key: str) -> ObjectEvent:
    source = ObjectRef("s3", "bench", f"{FUNCTION}-in/{key}")
    return ObjectEvent(source=source, version=VersionPin(), sequencer="", time="", event="")


def _keys(s3: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", ()):
            yield entry["Key"]


def _print_figures(
    server: KilledServer,
    outputs: dict[str, str],
    runs: Counter[str],
    journal: Path,
    seconds: tuple[float, float],
) -> int:
    """Print them; return 1 if something was lost or exists twice."""
    lost = server.acknowledged - outputs.keys()
    wrong = [key for key, body in outputs.items() if body != key]
    doubled = [key for key in server.acknowledged if runs[key] > 1]
    print(f"{platform.machine()}, Linux {platform.release()}, {os.cpu_count()} processors")
    print(
        f"{len(server.acknowledged):,} uploads acknowledged in {seconds[0]:.0f} s,"
        f" {server.given_up} without an answer, {server.kills} kills,"
        f" started again in {max(server.restart_seconds, default=0):.1f} s at most"
    )
    print(
        f"{len(lost)} lost, {len(wrong)} wrong bodies, {len(doubled)} inputs with two runs,"
        f" {sum(runs[key] for key in server.acknowledged):,} runs done after {seconds[1]:.0f} s"
    )
    if journal.is_file():
        executions = Counter(journal.read_text().split())
        twice = sum(count - 1 for count in executions.values())
        print(f"{executions.total():,} executions of the script: {twice} again after a kill")
    without_record = len(server.acknowledged) - len(runs)
    return 1 if lost or wrong or doubled or without_record else 0


if __name__ == "__main__":
    main()
