"""Find the functions that SCAR 4 made, and read what it stored in them."""

from __future__ import annotations

import base64
import binascii
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scar.aws.client.connection import PARALLEL
from scar.aws.client.errors import MadeByScar4Error, translate_errors
from scar.aws.model import names
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef

    from scar.aws.client.connection import AwsConnection

# Variables that some release of SCAR 4 has set in each of its functions.
_VARIABLES = frozenset({"FDL", "IMAGE_ID", "UDOCKER_BIN"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scar4Function:
    """A function of SCAR 4: memory in MB, ``timeout`` in seconds.

    ``config`` is SCAR's configuration of the function, empty if it is only in ``package_url``, the
    temporary address of the deployment package. ``image`` is the URI of a container image, empty
    for a function with a package.
    """

    name: str
    arn: str
    role: str
    memory: int
    timeout: int
    description: str = ""
    architecture: str = "x86_64"
    image: str = ""
    package_url: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def api_id(self) -> str:
        """The id of its REST API; empty without one."""
        return self.variables.get("API_GATEWAY_ID", "")


def list_scar4_functions(connection: AwsConnection) -> tuple[str, ...]:
    """Return the names of SCAR 4's functions, sorted; raise ScarError.

    ListFunctions returns no tags. ListTags is called only for functions with variables of SCAR:
    accounts have thousands of other functions.
    """
    client = connection.client("lambda")

    def has_tag(configuration: FunctionConfigurationTypeDef) -> bool:
        try:
            return names.is_made_by_scar4(
                client.list_tags(Resource=configuration["FunctionArn"])["Tags"]
            )
        except client.exceptions.ResourceNotFoundException:
            return False

    with translate_errors("list the functions"):
        pages = client.get_paginator("list_functions").paginate()
        likely = [
            f
            for page in pages
            for f in page["Functions"]
            if _VARIABLES & f.get("Environment", {}).get("Variables", {}).keys()
        ]
        with ThreadPoolExecutor(PARALLEL) as pool:
            found = zip(likely, pool.map(has_tag, likely), strict=True)
            return tuple(sorted(f["FunctionName"] for f, is_scars in found if is_scars))


def find_scar4_function(connection: AwsConnection, name: str) -> Scar4Function | None:
    """Return the function if SCAR 4 made it, None for another one or none; raise ScarError."""
    client = connection.client("lambda")
    with translate_errors(f"read the function {name}"):
        try:
            response = client.get_function(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            return None
    if not names.is_made_by_scar4(response.get("Tags", {})):
        return None
    actual, code = response["Configuration"], response["Code"]
    variables = dict(actual.get("Environment", {}).get("Variables", {}))
    return Scar4Function(
        name=actual["FunctionName"],
        arn=actual["FunctionArn"],
        role=actual["Role"],
        memory=actual["MemorySize"],
        timeout=actual["Timeout"],
        description=actual.get("Description", ""),
        architecture="arm64" if "arm64" in actual.get("Architectures", []) else "x86_64",
        image=code.get("ImageUri", ""),
        package_url="" if code.get("ImageUri") else code.get("Location", ""),
        variables=variables,
        config=_decode_config(name, variables.get("FDL", "")),
    )


def raise_if_made_by_scar4(connection: AwsConnection, name: str) -> None:
    """Raise MadeByScar4Error if SCAR 4 made the function; nothing if it cannot be read."""
    try:
        found = find_scar4_function(connection, name)
    except ScarError:  # the caller has an error of its own to raise
        return
    if found is not None:
        raise MadeByScar4Error(name)


def parse_config(text: str, function: str) -> Mapping[str, Any]:
    """Parse SCAR's configuration of a function, YAML; raise ScarError for anything else."""
    import yaml  # `scar ls` reads no configuration

    try:
        config = yaml.safe_load(text)
    except (RecursionError, ValueError, yaml.YAMLError) as error:
        raise _unreadable(function, str(error).partition("\n")[0]) from error
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise _unreadable(function, "it is no mapping")
    return config


def _decode_config(function: str, encoded: str) -> Mapping[str, Any]:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise _unreadable(function, str(error)) from error
    return parse_config(text, function)


def _unreadable(function: str, reason: str) -> ScarError:
    return ScarError(
        f"SCAR's configuration of the function {function} cannot be read: {reason}.",
        remedy="Write the FDL file by hand; `aws lambda get-function-configuration` shows the"
        " function's settings.",
    )
