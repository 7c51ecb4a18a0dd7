"""The SDK's tables of services, read once per process instead of once per session.

Nearly every test makes a session, and sessions only read their tables: without this, EC2's table
alone costs each of them 40 ms of CPU, and 30 MiB until the garbage collector comes.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore
from botocore.loaders import JSONFileLoader
from moto.core.loaders import Loader as MotosLoader

from scar.aws import sdk

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[JSONFileLoader, str], object]

PACKAGES = tuple(str(Path(str(package.__file__)).parent) for package in (boto3, botocore))


@functools.cache
def share() -> None:
    """Let all sessions of this process share tables: botocore's own sessions, and scar's.

    moto keeps to itself: it amends the tables that it reads.
    """
    MotosLoader.FILE_LOADER_CLASS = type("MotosFileLoader", (JSONFileLoader,), {})
    MotosLoader.FILE_LOADER_CLASS.load_file = JSONFileLoader.load_file
    for loader in (JSONFileLoader, sdk._Tables):
        loader.load_file = _reading_once(loader.load_file)  # type: ignore[method-assign]


def _reading_once(read: Read) -> Read:
    tables: dict[str, object] = {}

    @functools.wraps(read)
    def load_file(self: JSONFileLoader, path: str) -> object:
        if not path.startswith(PACKAGES):  # a test's own may change
            return read(self, path)
        if path not in tables:
            tables[path] = read(self, path)
        return tables[path]

    return load_file
