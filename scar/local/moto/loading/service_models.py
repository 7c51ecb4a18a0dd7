"""The models of services, without their documentation: one of each for moto and for our parser."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import ServiceModel
    from moto.core.loaders import Loader


def use_lean_models() -> None:
    """Make moto load models with ``create_loader``; call it before its first request."""
    from moto.core import utils

    utils.create_loader = create_loader  # type: ignore[attr-defined]


def create_loader() -> Loader:
    """Return a loader of models, with what moto adds to them."""
    from moto.core import loaders

    files: Any = _LeanFiles()
    return loaders.Loader(extra_search_paths=[loaders.moto_root], file_loader=files)


def get_service_model(service: str) -> ServiceModel:
    """Return the model of a service by botocore's name; moto and we have the same one."""
    use_lean_models()
    from moto.core import utils

    return utils.get_service_model(service)


class _LeanFiles:
    """Loads the files of models; botocore's JSONFileLoader has the same methods."""

    def exists(self, file_path: str) -> bool:
        return any(path.is_file() for path in _file_names(file_path))

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 - any JSON
        path = next(filter(Path.is_file, _file_names(file_path)), None)
        if path is None:
            return None
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        return json.loads(content, object_pairs_hook=_without_documentation)


def _file_names(file_path: str) -> tuple[Path, Path]:
    return Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")


def _without_documentation(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A member may have this name too; then its value is not a text.
    return {key: value for key, value in pairs if key != "documentation" or type(value) is not str}
