"""Convert what SCAR 4 stored in a function to an FDL file. Pure functions; no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from scar.aws.inventory.scar4.fdl_texts import escape_texts
from scar.aws.inventory.scar4.providers import convert_providers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.aws.inventory.scar4.functions import Scar4Function
    from scar.aws.inventory.scar4.package import PackageContent
    from scar.aws.inventory.scar4.watched_buckets import WatchedBucket

# Variables that SCAR itself sets in each function.
_SCARS_VARIABLES = re.compile(r"UDOCKER_\w+|FDL|IMAGE_ID|API_GATEWAY_ID|EXTRA_PAYLOAD")
_DEFAULT_DESCRIPTION = "Automatically generated lambda function"
_DEFAULTS: Mapping[str, object] = {"execution_mode": "lambda", "log_level": "INFO"}
_CONTAINER_DEFAULTS: Mapping[str, object] = {"create_image": True, "timeout_threshold": 10}
# Keys of SCAR's configuration that have the same meaning in the FDL, in its order.
_TAKEN = ("execution_mode", "log_level", "ephemeral_storage", "vpc", "file_system")
_TAKEN_OF_CONTAINER = ("image", "image_file", "timeout_threshold", "create_image", "environment")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFunction:
    """The text of an FDL file, and what the user must know about it: one sentence each."""

    fdl: str
    notes: tuple[str, ...] = ()


def convert_function(
    function: Scar4Function,
    config: Mapping[str, Any],
    content: PackageContent,
    sources: Iterable[WatchedBucket] = (),
) -> ImportedFunction:
    """Return the FDL file of a function.

    ``config`` is SCAR's configuration; what Lambda says about the function takes precedence over
    it. ``content`` is what the function's package has: the file's folder has the same. The folders
    of ``sources`` are the inputs of a configuration that has none.
    """
    notes: list[str] = []
    if not _is_set(config.get("input")):
        config = {**config, "input": _list_inputs(sources, notes)}
    entry: dict[str, Any] = {"lambda": _lambda_section(function, config, content, notes)}
    batch = {k: v for k, v in _mapping(config.get("batch")).items() if _is_set(v)}
    nodes = _mapping(batch.get("multi_node_parallel"))
    if nodes and not nodes.get("enabled"):
        del batch["multi_node_parallel"]
    if batch:
        entry["batch"] = batch
    if str(config.get("execution_mode", "lambda")) != "lambda":
        notes.append(
            "SCAR does not store vCPUs, memory and instance types of Batch in the function:"
            " complete the section `batch`."
        )
    if function.api_id:
        entry["api_gateway"] = {"name": function.name}
        notes.append(
            "Its HTTP endpoint will have another address, and requests must be signed unless the"
            " file sets `api_gateway.authentication: NONE`, as SCAR's endpoints had it."
        )
    if _mapping(config.get("ecr")).get("delete_image") is False:
        entry["ecr"] = {"delete_image": False}
    document: dict[str, Any] = {"functions": {"aws": [entry]}}
    if providers := convert_providers(_mapping(config.get("storage_providers")), notes):
        document["storage_providers"] = providers
    notes.append(f"Its role is {function.role}: without `iam.role`, scar creates roles for it.")
    text = yaml.safe_dump(escape_texts(document), sort_keys=False, allow_unicode=True, width=100)
    return ImportedFunction(
        fdl=f"# From the function {function.name} of SCAR 4, by `scar import`.\n{text}",
        notes=tuple(notes),
    )


def script_name(config: Mapping[str, Any]) -> str:
    """Return the name of the function's script without its folder; empty without one."""
    return str(config.get("init_script") or "").replace("\\", "/").rpartition("/")[2]


def input_buckets(config: Mapping[str, Any]) -> set[str]:
    """Return the buckets of S3 whose objects start the function."""
    inputs = config.get("input")
    return {
        bucket
        for item in (inputs if isinstance(inputs, list) else ())
        if str(_mapping(item).get("storage_provider", "s3")).partition(".")[0] == "s3"
        and (bucket := str(_mapping(item).get("path", "")).strip("/").partition("/")[0])
    }


def _list_inputs(sources: Iterable[WatchedBucket], notes: list[str]) -> list[dict[str, Any]]:
    """Return an input for each rule of the buckets; name the buckets that cannot be read."""
    inputs: list[dict[str, Any]] = []
    for source in sources:
        if not source.is_readable:
            notes.append(
                f"The bucket {source.bucket} may start the function, but its event notifications"
                " cannot be read with these credentials: add the folder to `input`."
            )
        for rule in source.rules:
            item: dict[str, Any] = {
                "storage_provider": "s3",
                "path": f"{source.bucket}/{rule.prefix}".strip("/"),
            }
            inputs.append(item | ({"suffix": [rule.suffix]} if rule.suffix else {}))
    if inputs:
        notes.append(
            "SCAR did not store the input folders: those in the file are of the event notifications"
            " of the buckets. Check `output` too."
        )
    return inputs


def _lambda_section(
    function: Scar4Function,
    config: Mapping[str, Any],
    content: PackageContent,
    notes: list[str],
) -> dict[str, Any]:
    section: dict[str, Any] = {"name": function.name}
    if function.description not in ("", _DEFAULT_DESCRIPTION):
        section["description"] = function.description
    section |= {"memory": function.memory, "timeout": function.timeout}
    if function.architecture != "x86_64":
        section["architecture"] = function.architecture
    taken = {key: config.get(key) for key in _TAKEN if _is_set(config.get(key))}
    section |= {key: value for key, value in taken.items() if value != _DEFAULTS.get(key)}
    own = {k: v for k, v in function.variables.items() if not _SCARS_VARIABLES.fullmatch(k)}
    if own:
        section["environment"] = {"Variables": own}
    section |= _script_keys(function, config, content, notes)
    section["container"] = _container_section(function, config, notes)
    for key in ("input", "output"):
        if _is_set(config.get(key)):
            section[key] = config[key]
    return section


def _script_keys(
    function: Scar4Function,
    config: Mapping[str, Any],
    content: PackageContent,
    notes: list[str],
) -> dict[str, str]:
    keys: dict[str, str] = {}
    if name := script_name(config):
        keys["init_script"] = name
        if function.image:
            notes.append(
                f"The script is in the image. Copy it next to the file: `docker cp"
                f" $(docker create {function.image} x):/var/task/{name} .`"
            )
        elif name not in content.files:
            notes.append(f"The package has no file {name}: copy the script next to the file.")
    if content.payload_folder:
        keys["extra_payload"] = content.payload_folder
        notes.append(f"The other files of the package are in {content.payload_folder}/.")
    return keys


def _container_section(
    function: Scar4Function, config: Mapping[str, Any], notes: list[str]
) -> dict[str, Any]:
    found = _mapping(config.get("container"))
    section = {key: found[key] for key in _TAKEN_OF_CONTAINER if _is_set(found.get(key))}
    section = {k: v for k, v in section.items() if v != _CONTAINER_DEFAULTS.get(k)}
    if not _mapping(_mapping(section.get("environment")).get("Variables")):
        section.pop("environment", None)
    if not section.get("image") and (image := function.variables.get("IMAGE_ID")):
        section["image"] = image
    image = str(section.get("image", ""))
    if function.image and ".dkr.ecr." in image:
        notes.append(
            f"{image} is the image that SCAR built, with its supervisor: replace it in"
            " `container.image` by the image that it was built from."
        )
        section.pop("create_image", None)
    if section.get("image_file"):
        notes.append(
            "The image came from a file on the computer of the person who deployed it: correct"
            " `container.image_file`."
        )
    if not section.get("image") and not section.get("image_file"):
        notes.append("SCAR did not store the image: set `container.image`.")
    return section


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_set(value: object) -> bool:
    return value not in (None, "", [], {})
