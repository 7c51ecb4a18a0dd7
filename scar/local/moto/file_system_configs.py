"""The file systems of functions, which moto 5.2 lacks; they are stored in moto's function.

So they are deleted with the function, and the journal restores them like all other settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scar.local.moto.calls import MotoCall

_ATTRIBUTE = "file_system_configs"  # of moto's function
KEY = "FileSystemConfigs"


def store_file_systems(call: MotoCall, function: object) -> None:
    """Store those of a request, in moto's function; an update may leave them unchanged."""
    configs = call.parameters.get(KEY)
    if isinstance(configs, list):
        setattr(function, _ATTRIBUTE, configs)


def read_file_systems(function: object) -> list[dict[str, Any]]:
    """Return the configurations of a function: an ARN and a LocalMountPath each."""
    configs: list[dict[str, Any]] = getattr(function, _ATTRIBUTE, [])
    return configs
