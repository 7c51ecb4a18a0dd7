"""Load the SDK's service models once per process instead of once per session.

Nearly every test creates a session, and sessions only read their models: without this, EC2's
model alone costs each of them 40 ms of CPU, and 30 MiB until garbage collection.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore
from botocore.loaders import JSONFileLoader
from moto.core.loaders import Loader as MotoLoader

from scar.aws.client.sdk import _PlainJsonLoader

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGES = tuple(str(Path(str(package.__file__)).parent) for package in (boto3, botocore))


class _MotoModels(_PlainJsonLoader):
    """A loader of moto's own: moto changes the models that it loads."""


@functools.cache
def share() -> None:
    """Make all sessions of this process share the service models of boto3 and botocore.

    They are plain dictionaries for botocore's own sessions too. Other files are loaded as usual.
    """
    _MotoModels.load_file = _PlainJsonLoader.load_file  # type: ignore[method-assign]
    MotoLoader.FILE_LOADER_CLASS = _MotoModels
    shared = functools.cache(functools.partial(_PlainJsonLoader.load_file, _PlainJsonLoader()))
    for loader in (JSONFileLoader, _PlainJsonLoader):
        loader.load_file = _load_shared(shared, loader.load_file)  # type: ignore[assignment]


def _load_shared(
    shared: Callable[[str], object], usual: Callable[[JSONFileLoader, str], object]
) -> Callable[[JSONFileLoader, str], object]:
    def load_file(self: JSONFileLoader, path: str) -> object:
        return shared(path) if path.startswith(PACKAGES) else usual(self, path)

    return load_file
