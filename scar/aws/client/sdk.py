"""Create botocore sessions that load a service's model, and parse responses, quickly."""

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

from scar.aws.client.response_parsers import FastParserFactory

if TYPE_CHECKING:
    from collections.abc import Mapping

    # Name in the configuration file, environment variable(s), default, conversion.
    Variable = tuple[str | None, str | list[str] | None, object, object]

# botocore reads only the second name; AWS's other SDKs read, and Lambda sets, the first.
_REGION: Variable = ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)


class _PlainJsonLoader(JSONFileLoader):
    """Loads service models into plain dictionaries.

    botocore uses OrderedDict, as older Python versions required: that takes twice as long.
    """

    def load_file(self, path: str) -> dict[str, object] | None:
        """Return the content of the file, named without its ending; None if it does not exist."""
        for ending, unpack in ((".json", bytes), (".json.gz", gzip.decompress)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                model: dict[str, object] = json.loads(unpack(Path(path + ending).read_bytes()))
                return model
        return None


class _FolderListingLoader(Loader):
    """Lists all folders as available services, whatever they contain.

    botocore searches each of its 400 folders for a model of the requested type, once per type:
    2,000 system calls. A missing model is reported when it is loaded.
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
    """Create the botocore session for a ``boto3.Session``; ``variables`` as in ``session_vars``.

    Raise ProfileNotFound.
    """
    session = Session(session_vars={"region": _REGION, **(variables or {})}, profile=profile)
    default_loader = create_loader(session.get_config_variable("data_path"))
    loader = _FolderListingLoader(
        extra_search_paths=default_loader.search_paths,
        file_loader=_PlainJsonLoader(),
        include_default_search_paths=False,
    )
    session.register_component("data_loader", loader)
    session.register_component("response_parser_factory", FastParserFactory())
    return session
