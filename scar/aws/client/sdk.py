"""The SDK's own session: its tables of a service are found without looking through all."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.loaders import JSONFileLoader, Loader, create_loader
from botocore.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    # The name in the configuration, the environment's, the default, how to convert it.
    Variable = tuple[str | None, str | list[str] | None, object, object]

# botocore knows the second name only; AWS's other SDKs, and Lambda, have the first.
_REGION: Variable = ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)


class _PlainJsonLoader(JSONFileLoader):
    """Reads tables into plain dictionaries, which keep their order too.

    botocore makes ordered ones, as older Pythons needed: that takes twice as long.
    """

    def load_file(self, path: str) -> dict[str, object] | None:
        """Return what the file, named without its ending, contains; None without a file."""
        for ending, unpacked in ((".json", bytes), (".json.gz", gzip.decompress)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                table: dict[str, object] = json.loads(unpacked(Path(path + ending).read_bytes()))
                return table
        return None


class _FolderListingLoader(Loader):
    """Names all folders there are, whatever they contain.

    botocore looks into each of its 400 for a table of the kind that is asked for, once per kind:
    2,000 calls of the system. Whether a service has the table shows when it is loaded anyhow.
    """

    @cached_property
    def _service_folders(self) -> list[str]:
        roots = filter(os.path.isdir, self.search_paths)
        return sorted({name for root in roots for name in os.listdir(root)})  # noqa: PTH208

    def list_available_services(self, type_name: str) -> list[str]:
        del type_name
        return self._service_folders


def new_session(
    variables: Mapping[str, Variable] | None = None, *, profile: str | None = None
) -> Session:
    """Make what ``boto3.Session`` rests on; ``variables`` as botocore has them.

    Raises ProfileNotFound.
    """
    session = Session(session_vars={"region": _REGION, **(variables or {})}, profile=profile)
    usual = create_loader(session.get_config_variable("data_path"))
    loader = _FolderListingLoader(
        extra_search_paths=usual.search_paths,
        file_loader=_PlainJsonLoader(),
        include_default_search_paths=False,
    )
    session.register_component("data_loader", loader)
    return session
