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
from pathlib import Path

import scar
from scar.errors import ScarError
from scar.local.cloud import Cloud
from scar.local.home import Home, Running
from scar.local.processes import start_time

LOG = logging.getLogger("scar.local")


def main() -> int:
    """Serve until TERM or INT; return the exit status."""
    arguments = _arguments()
    home = Home(arguments.home)
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
                return 1
            _serve(home, arguments.engine, stop)
    except ScarError as error:
        sys.stderr.write(f"{error.problem}\n{error.remedy}\n")
        return error.exit_code
    return 0


def _serve(home: Home, engine: str, stop: threading.Event) -> None:
    cloud = Cloud(home, engine, os.environ)
    try:
        home.announce(
            Running(
                pid=os.getpid(),
                started=start_time(os.getpid()) or 0,
                port=cloud.port,
                engine=cloud.engine.name,
                version=scar.__version__,
            )
        )
        LOG.info("listening at %s with the %s engine", cloud.url, cloud.engine.name)
        stop.wait()
        LOG.info("stopping")
    finally:
        home.retire()
        cloud.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scar.local.server")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--engine", default="")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
