"""Read SCAR's configuration file, ``~/.scar/scar.cfg``.

SCAR creates the file itself, with a value for every key. What a user has changed is either used, as
the same key of an FDL file, or named in a note; SCAR's own values of keys that are not used here
are passed over in silence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from scar.errors import ConfigurationError
from scar.fdl.layers import SettingsLayer
from scar.fdl.problems import format_location
from scar.fdl.scar_words import file_words, table
from scar.fdl.scar_words.scar_defaults import is_default, is_default_of_oscar
from scar.fdl.scar_words.word import Treatment

if TYPE_CHECKING:
    from pathlib import Path

    from scar.fdl.problems import Location

# Keys of SCAR's own file that the FDL has too. All others are looked up in the FDL's model, which
# takes longer to load than a short command takes.
_COMMON_KEYS: frozenset[Location] = frozenset(
    {
        ("iam", "role"),
        ("lambda", "execution_mode"),
        ("lambda", "timeout"),
        ("lambda", "memory"),
        ("lambda", "log_level"),
        ("lambda", "container", "timeout_threshold"),
        ("cloudwatch", "log_retention_policy_in_days"),
        ("batch", "vcpus"),
        ("batch", "memory"),
        ("batch", "enable_gpu"),
        ("batch", "state"),
        ("batch", "type"),
        ("batch", "compute_resources", "type"),
        ("batch", "compute_resources", "desired_v_cpus"),
        ("batch", "compute_resources", "min_v_cpus"),
        ("batch", "compute_resources", "max_v_cpus"),
        ("batch", "compute_resources", "subnets"),
        ("batch", "compute_resources", "security_group_ids"),
        ("batch", "compute_resources", "instance_types"),
        ("batch", "compute_resources", "launch_template_name"),
        ("batch", "compute_resources", "instance_role"),
        ("batch", "multi_node_parallel", "enabled"),
        ("batch", "multi_node_parallel", "number_nodes"),
        ("batch", "multi_node_parallel", "main_node_index"),
    }
)
# They select the connection of every command, not only values of functions.
_TARGET_KEYS: tuple[Location, ...] = (("lambda", "region"), ("lambda", "boto_profile"))


# What scar does anyway: a line at every command would say nothing.
_DONE_ANYWAY = ((("lambda", "runtime"), "image"),)


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
    read = _parse_config(path, aws)
    if not _is_untouched_oscar(data.get("oscar")):
        reason = file_words.reason_of(("functions", "oscar"))
        note = f"{path}: oscar is {table.NOT_USED}: {reason}."
        read = replace(read, notes=(*read.notes, note))
    return read


def _parse_config(path: Path, aws: dict[str, Any]) -> LegacyConfig:
    region, profile = (str(_value_at(aws, at) or "") for at in _TARGET_KEYS)
    of_lambda = {"region": region, "boto_profile": profile}
    values: dict[str, Any] = {}
    notes: list[str] = []
    unknown: list[str] = []
    for location, found in table.list_values(aws):
        value = _drop_empty(found)
        if value is None or location in _TARGET_KEYS or is_default(location, value):
            continue
        if (location, value) in _DONE_ANYWAY:
            continue
        if len(location) == 2 and value == of_lambda.get(str(location[1])):
            continue
        key = format_location(location)
        if note := _note_of(location):
            notes.append(f"{path}: {key} is {note}.")
        elif location in _COMMON_KEYS or _is_key_of_fdl(location):
            _set_value(values, location, value)
        else:
            unknown.append(key)
    if unknown:
        notes.append(f"{path}: ignored unknown keys: {', '.join(sorted(unknown))}.")
    return LegacyConfig(
        region=region,
        profile="" if profile == "default" else profile,
        layers=(SettingsLayer(source=str(path), values=values),) if values else (),
        notes=tuple(notes),
    )


def _note_of(location: Location) -> str:
    """Return what to say about a key without effect; empty if it has one, or is not SCAR's.

    What an FDL file may not have is a note here: the file is for all commands, and for SCAR too.
    """
    word = table.word_of(location)
    if word and word.treatment is Treatment.REFUSED:
        return f"not used: {word.text}"
    reason = table.reason_of(location)
    return f"{table.NOT_USED}: {reason}" if reason else ""


def _is_untouched_oscar(clusters: object) -> bool:
    """Return whether the part for OSCAR is as SCAR writes it."""
    if not isinstance(clusters, dict):
        return not clusters
    return all(
        isinstance(cluster, dict) and all(is_default_of_oscar(k, v) for k, v in cluster.items())
        for cluster in clusters.values()
    )


def _is_key_of_fdl(location: Location) -> bool:
    from scar.fdl.known_keys import has_key, list_keys
    from scar.fdl.model import AwsFunction

    # A key with one value may be written as in Lambda's API: `ephemeral_storage: {Size: 512}`.
    return has_key(AwsFunction, location) or (
        len(location) > 2
        and has_key(AwsFunction, location[:-1])
        and not list_keys(AwsFunction, location[:-1])
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
    return None if value in ("", [], {}, None) else value


def _set_value(values: dict[str, Any], location: Location, value: object) -> None:
    *above, last = location
    for key in above:
        values = values.setdefault(str(key), {})
    values[str(last)] = value


def _unusable_file_error(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be read: {reason}.", remedy="Correct the file, or delete it."
    )
