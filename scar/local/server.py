"""The local cloud's process: ``python -m scar.local.server --home FOLDER [--engine NAME]``.

Started by ``control``; ends at TERM. One at a time works on a folder: it holds a lock on it.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import scar
from scar.errors import ScarError
from scar.local.cloud import LocalCloud
from scar.local.control import EXIT_LOCKED
from scar.local.home import LocalCloudHome, RunningServer
from scar.local.processes import start_time

LOG = logging.getLogger("scar.local")
CHECK_SECONDS = 2.0  # seconds


def main() -> int:
    """Serve until TERM or INT; return the exit status."""
    arguments = _parse_arguments()
    home = LocalCloudHome(arguments.home)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        home.create()
        with (home.path / "server.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sys.stderr.write(f"Another local cloud works on {home.path}.\n")
                return EXIT_LOCKED
            _run_until_stopped(
                home, arguments.engine, stop, FolderLock(home.path / "server.lock", lock)
            )
    except ScarError as error:
        sys.stderr.write(f"{error.problem}\n{error.remedy}\n")
        return error.exit_code
    return 0


@dataclass(frozen=True, slots=True)
class FolderLock:
    """The lock on a folder; it is lost when somebody removes the folder."""

    path: Path
    lock: IO[str]

    def is_lost(self) -> bool:
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(self.lock.fileno()))
        except OSError:
            return True


def _run_until_stopped(
    home: LocalCloudHome, engine: str, stop: threading.Event, folder_lock: FolderLock
) -> None:
    cloud = LocalCloud(home, engine, os.environ)
    running = RunningServer(
        pid=os.getpid(),
        started=start_time(os.getpid()) or 0,
        port=cloud.port,
        engine=cloud.engine.name,
        version=scar.__version__,
    )
    try:
        home.write_server_record(running)
        LOG.info("listening at %s with the %s engine", cloud.url, cloud.engine.name)
        while not stop.wait(CHECK_SECONDS) and not folder_lock.is_lost():
            if home.running_server() != running:
                home.write_server_record(running)  # somebody damaged or removed the announcement
        LOG.info("stopping" if stop.is_set() else "stopping: the folder was removed")
    finally:
        if not folder_lock.is_lost():
            home.remove_server_record()
        cloud.close()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scar.local.server")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--engine", default="")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
