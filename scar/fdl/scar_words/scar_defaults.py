"""The values that SCAR itself writes into its configuration file.

A user has not chosen such a value, so it is passed over in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.fdl.problems import Location

_API = "arn:aws:execute-api:{api_region}:{account_id}:{api_id}"
_ENDPOINT = "https://{api_id}.execute-api.{api_region}.amazonaws.com"
_INTEGRATION = (
    "arn:aws:apigateway:{api_region}:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:{lambda_region}:{account_id}:function:{function_name}/invocations"
)
_HEADER = "header.X-Amz-Invocation-Type"
_HEADERS = {f"integration.request.{_HEADER}": f"method.request.{_HEADER}"}
_ROLE_OF_BATCH = "arn:aws:iam::{account_id}:role/service-role/AWSBatchServiceRole"
_ROLE_OF_INSTANCES = "arn:aws:iam::{account_id}:instance-profile/ecsInstanceRole"
ROLES: Mapping[Location, str] = {
    ("batch", "service_role"): _ROLE_OF_BATCH,
    ("batch", "compute_resources", "instance_role"): _ROLE_OF_INSTANCES,
}
"""SCAR's roles with a placeholder for the account, which people copy into FDL files."""
# For each key, the values of all releases since 4.0.
DEFAULTS: Mapping[Location, tuple[object, ...]] = {
    ("lambda", "description"): ("Automatically generated lambda function",),
    ("lambda", "runtime"): ("python3.7", "python3.6"),
    ("lambda", "invocation_type"): ("RequestResponse",),
    ("lambda", "asynchronous"): (False,),
    ("lambda", "log_type"): ("Tail",),
    ("lambda", "environment", "Variables", "UDOCKER_BIN"): ("/opt/udocker/bin/",),
    ("lambda", "environment", "Variables", "UDOCKER_LIB"): ("/opt/udocker/lib/",),
    ("lambda", "environment", "Variables", "UDOCKER_DIR"): ("/tmp/shared/udocker",),  # noqa: S108
    ("lambda", "environment", "Variables", "UDOCKER_EXEC"): ("/opt/udocker/udocker.py",),
    ("lambda", "container", "udocker", "bin"): ("/opt/udocker/bin/",),
    ("lambda", "container", "udocker", "lib"): ("/opt/udocker/lib/",),
    ("lambda", "container", "udocker", "dir"): ("/tmp/shared/udocker",),  # noqa: S108
    ("lambda", "container", "udocker", "exec"): ("/opt/udocker/udocker.py",),
    ("lambda", "deployment", "max_payload_size"): (52428800,),
    ("lambda", "deployment", "max_s3_payload_size"): (262144000,),
    # The latter with configuration version 1.0.9, as in SCAR's page on its configuration.
    ("lambda", "supervisor", "version"): ("latest", "1.2.0-rc4"),
    ("lambda", "supervisor", "layer_name"): ("faas-supervisor",),
    ("lambda", "supervisor", "license_info"): ("Apache 2.0",),
    ("s3", "event", "Records"): (
        [
            {
                "eventSource": "aws:s3",
                "s3": {
                    "bucket": {"name": "{bucket_name}", "arn": "arn:aws:s3:::{bucket_name}"},
                    "object": {"key": "{file_key}"},
                },
            }
        ],
    ),
    ("api_gateway", "endpoint"): (f"{_ENDPOINT}/{{stage_name}}/launch", f"{_ENDPOINT}/scar/launch"),
    **{("api_gateway", "request_parameters", name): (value,) for name, value in _HEADERS.items()},
    ("api_gateway", "http_method"): ("ANY",),
    ("api_gateway", "method", "authorizationType"): ("NONE",),
    ("api_gateway", "method", "requestParameters", f"method.request.{_HEADER}"): (False,),
    ("api_gateway", "integration", "type"): ("AWS_PROXY",),
    ("api_gateway", "integration", "integrationHttpMethod"): ("POST",),
    ("api_gateway", "integration", "uri"): (_INTEGRATION,),
    **{
        ("api_gateway", "integration", "requestParameters", name): (value,)
        for name, value in _HEADERS.items()
    },
    ("api_gateway", "path_part"): ("{proxy+}",),
    ("api_gateway", "stage_name"): ("scar",),
    ("api_gateway", "service_id"): ("apigateway.amazonaws.com",),
    ("api_gateway", "source_arn_testing"): (f"{_API}/*",),
    ("api_gateway", "source_arn_invocation"): (f"{_API}/{{stage_name}}/ANY",),
    **{at: (role,) for at, role in ROLES.items()},
    ("batch", "compute_resources", "instance_types"): (["m3.medium"],),  # no longer offered
    ("batch", "compute_resources", "launch_template_name"): ("faas-supervisor",),
    ("batch", "compute_resources", "state"): ("ENABLED",),
    ("batch", "compute_resources", "comp_type"): ("EC2",),
}
# Those of a cluster in the part ``oscar``, whatever its name.
_OSCAR: Mapping[str, object] = {
    "ssl_verify": True,
    "memory": "256Mi",
    "cpu": "0.2",
    "log_level": "INFO",
}
# The sections whose Region and profile are those of ``lambda``, and what SCAR sets there.
_REGION_AND_PROFILE = {"region": "us-east-1", "boto_profile": "default"}


def is_default(location: Location, value: object) -> bool:
    """Return whether SCAR itself writes this value into its configuration file."""
    if location in DEFAULTS:
        return any(_as_text(value) == _as_text(default) for default in DEFAULTS[location])
    return _REGION_AND_PROFILE.get(str(location[-1])) == value


def is_default_of_oscar(key: str, value: object) -> bool:
    """Return whether SCAR itself writes this value for a cluster of OSCAR."""
    return not value or value == _OSCAR.get(key)


def _as_text(value: object) -> object:
    """Return a number as text: files are read with numbers as they are written."""
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_text(item) for name, item in value.items()}
    return value if isinstance(value, bool) else str(value)
