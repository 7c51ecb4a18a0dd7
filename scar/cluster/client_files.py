"""The files with which this machine's clients connect to a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from scar.errors import ScarError
from supervisor.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.runs.cluster_record import ClusterPath, ClusterSpec


def client_folder(environment: Mapping[str, str], path: ClusterPath) -> Path:
    """Return ``scar/clusters/<function>/<cluster>`` in XDG_STATE_HOME or ~/.local/state."""
    state = environment.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "scar" / "clusters" / path.function / path.cluster


def write_client_files(folder: Path, spec: ClusterSpec) -> Mapping[str, Path]:
    """Write the TLS material, readable for this user only; return the paths by dask's names."""
    texts = {
        "tls_ca_file": ("ca.pem", spec.authority),
        "tls_client_cert": ("cert.pem", spec.certificate),
        "tls_client_key": ("key.pem", spec.key),
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in texts.values():
            (folder / name).unlink(missing_ok=True)
            descriptor = os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
    except OSError as error:
        raise ScarError(
            f"The cluster's certificate cannot be written to {folder}: {error.strerror}.",
            remedy="Check the folder, or set XDG_STATE_HOME to another one.",
        ) from error
    return {key: folder / name for key, (name, _) in texts.items()}


def remove_client_files(folder: Path) -> None:
    """Delete what ``write_client_files`` has written, if it has."""
    if folder.is_dir() and not folder.is_symlink():
        remove_tree(folder)


def connection_code(address: str, files: Mapping[str, Path]) -> str:
    """Return the Python code with which a client connects."""
    arguments = "".join(f"    {key}={str(path)!r},\n" for key, path in files.items())
    return (
        "from distributed import Client\n"
        "from distributed.security import Security\n"
        f"security = Security(\n    require_encryption=True,\n{arguments})\n"
        f"client = Client({address!r}, security=security)"
    )
