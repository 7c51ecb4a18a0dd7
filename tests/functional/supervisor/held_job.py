"""A Batch job as a real process that can be held where it calls no server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor import config
from supervisor.model import ExecutionMode, FunctionConfig, ObjectRef, OutputRule, VersionPin
from supervisor.storage import s3
from tests.conformance.object_store_endpoints import make_bucket
from tests.fakes.supervisor_factory import notification
from tests.functional.supervisor.held_s3 import ACCESS_KEY, secret_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.storage.s3 import S3Store
    from tests.functional.supervisor.held_s3 import HeldS3

REPOSITORY = Path(__file__).parents[3]
# An audit hook runs before the call that it reports. A signal interrupts its open() as it would
# interrupt the call.
START = f"""
import os, re, runpy, sys
sys.path.insert(0, {str(REPOSITORY)!r})
event, pattern, number, folder = os.environ.pop("HOLD", "- - 0 -").split(" ")
seen = []
def hold(name, arguments):
    if name != event or len(seen) >= int(number):
        return
    place = arguments[0]
    if isinstance(place, int):
        place = os.readlink(f"/proc/self/fd/{{place}}")
    if re.search(pattern, str(place)):
        seen.append(place)
        if len(seen) == int(number):
            open(folder + "/reached", "w").close()
            open(folder + "/release").close()
if event != "-":
    sys.addaudithook(hold)
runpy.run_module("supervisor", run_name="__main__", alter_sys=True)
"""
DATE = "2026-09-21"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHold:
    """Holds a process before its ``number``-th call with this audit event and first argument."""

    event: str
    pattern: str
    folder: Path
    number: int = 1

    @property
    def variable(self) -> str:
        return f"{self.event} {self.pattern} {self.number} {self.folder}"

    def is_reached(self) -> bool:
        return (self.folder / "reached").exists()

    def release(self) -> None:
        # Without a reader the process has ended, or a signal has interrupted its wait.
        with contextlib.suppress(OSError):
            os.close(os.open(self.folder / "release", os.O_WRONLY | os.O_NONBLOCK))


@dataclass(slots=True, kw_only=True)
class HeldJob:
    """A function ``name`` with its object, and the attempts of one job of it.

    Each attempt has a folder for temporary files of its own, as its container has.
    """

    name: str
    folder: Path
    gate: HeldS3
    script: str
    body: bytes
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    store: S3Store = field(init=False)

    def __post_init__(self) -> None:
        keys = {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": secret_key(ACCESS_KEY),
        }
        make_bucket({**self.gate.environ, **keys}, self.bucket)
        self.store = s3.connect({**self.gate.environ, **keys})
        home = self.folder / "function"
        home.mkdir(parents=True)
        (home / "script.sh").write_text(self.script)
        described = FunctionConfig(
            name=self.name,
            mode=ExecutionMode.BATCH,
            state_bucket=self.bucket,
            script="script.sh",
            outputs=(OutputRule(provider="s3", path=f"{self.bucket}/out"),),
        )
        (home / "function.json").write_text(config.config_to_json(described))
        self.store.write(self._ref("in/input"), self.body)
        os.mkfifo(self.folder / "release")

    @property
    def bucket(self) -> str:
        return f"bucket-{self.name}"

    def start(
        self, attempt: int, credentials: Mapping[str, str], hold: CallHold | None = None
    ) -> subprocess.Popen[bytes]:
        temporary = self.temporary(attempt)
        temporary.mkdir()
        with (self.folder / f"log-{attempt}").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", "-X", "utf8", "-c", START],
                env={
                    "PATH": os.environ["PATH"],
                    "SCAR_HOME": str(self.folder),
                    "TMPDIR": str(temporary),
                    "AWS_BATCH_JOB_ID": "job-1",
                    "AWS_BATCH_JOB_ATTEMPT": str(attempt),
                    "SCAR_EVENT": json.dumps(notification("in/input", bucket=self.bucket)),
                    "SCAR_RUN_ID": "run",
                    "SCAR_RUN_DATE": DATE,
                    "SCAR_REQUEST_ID": "request",
                    **self.gate.environ,
                    **credentials,
                    **({"HOLD": hold.variable} if hold else {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        return process

    def temporary(self, attempt: int) -> Path:
        return self.folder / f"tmp-{attempt}"

    def log(self, attempt: int) -> str:
        return (self.folder / f"log-{attempt}").read_text()

    def read(self, key: str) -> bytes | None:
        found = self.store.read(self._ref(key))
        return found[0] if found else None

    def download(self, key: str) -> bytes:
        """Return the body of an object of any size."""
        file = self.folder / "download"
        self.store.download(self._ref(key), file, version=VersionPin())
        return file.read_bytes()

    def record(self, name: str) -> dict[str, object]:
        """Return a record of the run; empty if it does not exist."""
        data = self.read(f"runs/{self.name}/{DATE}/run/{name}.json")
        return {} if data is None else json.loads(data)

    def writes(self, folder: str) -> dict[str, int]:
        """Return how often each object below a folder was written."""
        start = f"{self.bucket}/{folder}/"
        return {
            key.removeprefix(start): count
            for key, count in self.gate.written.items()
            if key.startswith(start)
        }

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
        # The script of a killed job is left to its container, which there is none of here.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            os.killpg(int((self.folder.parent / "script.pid").read_text()), signal.SIGKILL)
        self.store.close()

    def _ref(self, key: str) -> ObjectRef:
        return ObjectRef("s3", self.bucket, key)
