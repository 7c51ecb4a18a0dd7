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

from scar.aws.client.sdk import _PlainJsonLoader

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = tuple(str(Path(str(package.__file__)).parent) for package in (boto3, botocore))


class _MotosTables(_PlainJsonLoader):
    """moto amends the tables that it reads: it has its own."""


@functools.cache
def share() -> None:
    """Let all sessions of this process share the tables of boto3 and botocore.

    They are plain dictionaries for botocore's own sessions too. Files elsewhere are read as usual.
    """
    _MotosTables.load_file = _PlainJsonLoader.load_file  # type: ignore[method-assign]
    MotosLoader.FILE_LOADER_CLASS = _MotosTables
    shared = functools.cache(functools.partial(_PlainJsonLoader.load_file, _PlainJsonLoader()))
    for loader in (JSONFileLoader, _PlainJsonLoader):
        loader.load_file = _reading(shared, loader.load_file)  # type: ignore[assignment]


def _reading(
    shared: Callable[[str], object], usual: Callable[[JSONFileLoader, str], object]
) -> Callable[[JSONFileLoader, str], object]:
    def load_file(self: JSONFileLoader, path: str) -> object:
        return shared(path) if path.startswith(PACKAGES) else usual(self, path)

    return load_file
