"""The local cloud's process: ``python -m scar.local.server --home FOLDER [--engine NAME] …``.

Started by ``control``; stops at SIGTERM or SIGINT, or when the state folder is deleted. A lock
on the folder keeps a second server from using it.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import resource
import signal
import sqlite3
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import scar
from scar.errors import ScarError
from scar.local.cloud import LocalCloud
from scar.local.conditions.settings import ConditionsSettings
from scar.local.control import EXIT_LOCKED
from scar.local.home import LocalCloudHome, RunningServer, disk_full_error
from scar.local.memory import MemoryKeeper
from scar.local.processes import start_time
from scar.local.state.disk_space import is_disk_full
from scar.local.state.files import StateFileError
from scar.local.state.private_files import open_private

LOG = logging.getLogger("scar.local")
_MAX_DESCRIPTORS = 65536
CHECK_SECONDS = 2.0  # between two checks of the folder and of the server record


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    arguments = _parse_arguments()
    home = LocalCloudHome(arguments.home)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)
    _raise_descriptor_limit()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    try:
        home.create()
        with open_private(home.path / "server.lock") as lock:
            # The kernel releases this lock when the process ends, also after SIGKILL.
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sys.stderr.write(f"Another local cloud is using {home.path}.\n")
                return EXIT_LOCKED
            conditions = ConditionsSettings(limits=not arguments.no_limits, chaos=arguments.chaos)
            cloud = LocalCloud(home, arguments.engine, os.environ, conditions)
            _run_until_stopped(home, cloud, stop, FolderLock(home.path / "server.lock", lock))
    except ScarError as error:
        return _print_error(error)
    except (OSError, sqlite3.Error) as error:
        if not getattr(error, "filename", None):  # else the message names the file
            LOG.exception("the local cloud cannot start")
        return _print_error(_translate_error(home, error))
    return 0


def _print_error(error: ScarError) -> int:
    sys.stderr.write(f"{error.problem}\n{error.remedy}\n")
    return error.exit_code


def _translate_error(home: LocalCloudHome, error: OSError | sqlite3.Error) -> ScarError:
    """Return the error for a state folder that cannot be read or written."""
    if is_disk_full(error):
        return disk_full_error(home.path)
    path = getattr(error, "filename", None) or home.path
    reason = getattr(error, "strerror", None) or error
    return StateFileError(
        f"The local cloud cannot use {path}: {reason}.",
        remedy=f"Everything in {home.path} must belong to you, and be what scar created there:"
        " restore it from a backup, or move it aside; the rest is kept.",
    )


@dataclass(frozen=True, slots=True)
class FolderLock:
    """The server's lock on its state folder."""

    path: Path
    lock: IO[str]

    def is_lost(self) -> bool:
        """Return whether another process deleted or replaced the lock file or its folder."""
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(self.lock.fileno()))
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:  # the machine is out of memory or descriptors, for example
            LOG.warning("cannot check the state folder: %s", error)
            return False


def _run_until_stopped(
    home: LocalCloudHome, cloud: LocalCloud, stop: threading.Event, folder_lock: FolderLock
) -> None:
    # The record is written last: commands that find it may send requests at once.
    running = RunningServer(
        pid=os.getpid(),
        started=start_time(os.getpid()) or 0,
        port=cloud.port,
        engine=cloud.engine.name,
        version=scar.__version__,
        chaos=cloud.chaos,
    )
    try:
        home.write_server_record(running)
        LOG.info("listening at %s with the %s engine", cloud.url, cloud.engine.name)
        memory = MemoryKeeper()
        while not stop.wait(CHECK_SECONDS) and not folder_lock.is_lost():
            memory.release()
            _restore_record(home, running)
        LOG.info("stopping" if stop.is_set() else "stopping: the state folder was deleted")
    finally:
        if not folder_lock.is_lost():  # else the record is that of another server
            home.remove_server_record()
        cloud.close()


def _restore_record(home: LocalCloudHome, running: RunningServer) -> None:
    """Write the record again if another process changed or deleted it.

    Without it, commands would not find this server and could not start another one either.
    """
    try:
        if home.last_server() != running:
            home.write_server_record(running)
    except OSError as error:
        # Out of file descriptors, or a full disk: no reason to end the requests in progress.
        LOG.warning("cannot write the server record: %s", error)


def _raise_descriptor_limit() -> None:
    """Raise the soft limit of open files: each connection and each object being read needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scar.local.server")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--engine", default="")
    parser.add_argument("--chaos", default="", metavar="SEED", help="seed of the conditions")
    parser.add_argument(
        "--no-limits", action="store_true", help="without AWS's request rates, for tests"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
