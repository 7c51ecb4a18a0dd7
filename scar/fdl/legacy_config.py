"""Read SCAR's configuration file, ``~/.scar/scar.cfg``.

SCAR creates the file itself, with its defaults for every key. Only values that users change and
that have the same meaning here are read. Keys of SCAR's implementation (layers, supervisor,
deployment bucket, launch template, service roles) are ignored silently.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.errors import ConfigurationError
from scar.fdl.layers import SettingsLayer

if TYPE_CHECKING:
    from pathlib import Path

    from scar.fdl.problems import Location

_SUPPORTED_KEYS: tuple[Location, ...] = (
    ("iam", "role"),
    ("lambda", "execution_mode"),
    ("lambda", "timeout"),
    ("lambda", "memory"),
    ("lambda", "log_level"),
    ("lambda", "container", "environment", "Variables"),
    ("lambda", "container", "timeout_threshold"),
    ("cloudwatch", "log_retention_policy_in_days"),
    ("batch", "vcpus"),
    ("batch", "memory"),
    ("batch", "enable_gpu"),
    ("batch", "multi_node_parallel", "enabled"),
    ("batch", "multi_node_parallel", "number_nodes"),
    ("batch", "multi_node_parallel", "main_node_index"),
    ("batch", "compute_resources", "type"),
    ("batch", "compute_resources", "desired_v_cpus"),
    ("batch", "compute_resources", "min_v_cpus"),
    ("batch", "compute_resources", "max_v_cpus"),
    ("batch", "compute_resources", "subnets"),
    ("batch", "compute_resources", "security_group_ids"),
    ("batch", "compute_resources", "instance_types"),
)
# SCAR's default instance type, which AWS no longer offers.
_OBSOLETE_VALUES: tuple[object, ...] = (["m3.medium"],)
_IGNORED_KEYS = frozenset(
    {
        *("boto_profile", "region", "service_role", "instance_role", "launch_template_name"),
        *("state", "type", "environment", "runtime", "layers", "invocation_type", "asynchronous"),
        *("log_type", "description", "deployment", "supervisor", "udocker", "name", "account_id"),
        *("codebuild", "delete_image", "max_payload_size", "container", "image", "handler"),
        *("zip_file_path", "arn", "execution_role", "endpoint", "integration", "http_method"),
        *("request_parameters", "method", "path_part", "stage_name", "service_id", "uri"),
        "role",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyConfig:
    """The file's Region, profile and values of functions; ``notes`` are messages for the user."""

    region: str = ""
    profile: str = ""
    layers: tuple[SettingsLayer, ...] = ()
    notes: tuple[str, ...] = ()


def read_config(path: Path) -> LegacyConfig:
    """Read the file; empty if it does not exist. Raise ConfigurationError for invalid content."""
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):  # ~/.scar may be another program's file
        return LegacyConfig()
    except PermissionError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}.",
            remedy="Make it readable, or set HOME to a folder of yours.",
        ) from error
    except OSError as error:
        raise _unusable_file_error(path, error.strerror or str(error)) from error
    except ValueError as error:  # a NUL in the path
        raise _unusable_file_error(path, str(error)) from error
    try:
        # Numbers stay text as it is written, as in FDL files.
        data = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError as error:
        raise _unusable_file_error(path, f"not JSON: {error}") from error
    aws = data.get("aws", {}) if isinstance(data, dict) else None
    if not isinstance(aws, dict):
        raise _unusable_file_error(path, "it has no object `aws`")
    return _parse_config(path, aws)


def _parse_config(path: Path, aws: dict[str, Any]) -> LegacyConfig:
    values: dict[str, Any] = {}
    for location in _SUPPORTED_KEYS:
        if (value := _drop_empty(_value_at(aws, location))) is not None:
            _set_value(values, location, value)
    layers = (SettingsLayer(source=str(path), values=values),) if values else ()
    unknown = ", ".join(_unknown_keys(aws))
    notes = (f"{path}: ignored unknown keys: {unknown}.",) if unknown else ()
    profile = str(_value_at(aws, ("lambda", "boto_profile")) or "")
    return LegacyConfig(
        region=str(_value_at(aws, ("lambda", "region")) or ""),
        profile="" if profile == "default" else profile,
        layers=layers,
        notes=notes,
    )


def _value_at(data: object, location: Location) -> object:
    for key in location:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def _drop_empty(value: object) -> object:
    """Return the value, None for SCAR's placeholders: empty values are keys that are not set."""
    if isinstance(value, list):
        value = [item for item in value if item != ""]
    return None if value in ("", [], {}, None) or value in _OBSOLETE_VALUES else value


def _set_value(values: dict[str, Any], location: Location, value: object) -> None:
    *above, last = location
    for key in above:
        values = values.setdefault(str(key), {})
    values[str(last)] = value


def _unknown_keys(aws: dict[str, Any]) -> list[str]:
    """Return the keys that are neither supported nor known to be SCAR's."""
    services = {"iam", "lambda", "s3", "cloudwatch", "api_gateway", "batch", "ecr", "codebuild"}
    # By name, in any section: the check is for keys that SCAR itself does not have.
    known = {str(key) for location in _SUPPORTED_KEYS for key in location} | _IGNORED_KEYS
    unknown = [name for name in aws if name not in services]
    for service in sorted(services & aws.keys()):
        values = aws[service]
        if isinstance(values, dict):
            unknown += [f"{service}.{key}" for key in values if key not in known]
    return sorted(unknown)


def _unusable_file_error(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be read: {reason}.", remedy="Correct the file, or delete it."
    )
