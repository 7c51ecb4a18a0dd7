"""The keys of SCAR that scar does not have, with the reason, and the values that SCAR itself sets.

Source: SCAR 4.3's FDL (fdl-example.yaml, docs) and its configuration file, which SCAR creates with
a default for every key. A user has not chosen a default, so it is passed over in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.fdl.problems import Location

NOT_USED = "accepted, not used"
_IMAGES = "functions are container images"
_INVOCATIONS = "`scar run` waits for a response, `scar run -a` does not"
_NO_ENDPOINTS = "HTTP endpoints are not supported yet"
# In one entry of ``functions.aws``, by location; a location stands for all that is below it.
_REASONS: Mapping[Location, str] = {
    ("lambda", "runtime"): _IMAGES,
    ("lambda", "handler"): _IMAGES,
    ("lambda", "zip_file_path"): _IMAGES,
    ("lambda", "deployment"): f"{_IMAGES}, so nothing is deployed through a bucket",
    ("lambda", "preheat"): "the image is not unpacked by the function",
    ("lambda", "invocation_type"): _INVOCATIONS,
    ("lambda", "asynchronous"): _INVOCATIONS,
    ("lambda", "log_type"): "`scar run` shows the output of the run",
    ("lambda", "arn"): "the function is known by its name",
    ("lambda", "supervisor", "layer_name"): _IMAGES,
    ("lambda", "supervisor", "license_info"): "the supervisor is part of scar",
    ("lambda", "container", "alpine"): "all images run in the same way",
    ("iam", "account_id"): "the account is that of the credentials",
    ("api_gateway", "endpoint"): _NO_ENDPOINTS,
    ("api_gateway", "request_parameters"): _NO_ENDPOINTS,
    ("api_gateway", "http_method"): _NO_ENDPOINTS,
    ("api_gateway", "method"): _NO_ENDPOINTS,
    ("api_gateway", "integration"): _NO_ENDPOINTS,
    ("api_gateway", "path_part"): _NO_ENDPOINTS,
    ("api_gateway", "stage_name"): _NO_ENDPOINTS,
    ("api_gateway", "service_id"): _NO_ENDPOINTS,
    ("api_gateway", "source_arn_testing"): _NO_ENDPOINTS,
    ("api_gateway", "source_arn_invocation"): _NO_ENDPOINTS,
    ("s3",): "buckets are those of `input` and `output`",
    ("codebuild",): "scar builds images itself",
}
_API = "arn:aws:execute-api:{api_region}:{account_id}:{api_id}"
_HEADER = "header.X-Amz-Invocation-Type"
_HEADERS = {f"integration.request.{_HEADER}": f"method.request.{_HEADER}"}
# SCAR's values of keys that are not used, or that mean something here that was not chosen.
_DEFAULTS: Mapping[Location, object] = {
    ("lambda", "description"): "Automatically generated lambda function",
    ("lambda", "runtime"): "python3.7",
    ("lambda", "invocation_type"): "RequestResponse",
    ("lambda", "asynchronous"): False,
    ("lambda", "log_type"): "Tail",
    ("lambda", "environment", "Variables", "UDOCKER_BIN"): "/opt/udocker/bin/",
    ("lambda", "environment", "Variables", "UDOCKER_LIB"): "/opt/udocker/lib/",
    ("lambda", "environment", "Variables", "UDOCKER_DIR"): "/tmp/shared/udocker",  # noqa: S108 - SCAR's
    ("lambda", "environment", "Variables", "UDOCKER_EXEC"): "/opt/udocker/udocker.py",
    ("lambda", "deployment", "max_payload_size"): 52428800,
    ("lambda", "deployment", "max_s3_payload_size"): 262144000,
    ("lambda", "supervisor", "version"): "latest",
    ("lambda", "supervisor", "layer_name"): "faas-supervisor",
    ("lambda", "supervisor", "license_info"): "Apache 2.0",
    ("s3", "boto_profile"): "default",
    ("s3", "region"): "us-east-1",
    ("s3", "event", "Records"): [
        {
            "eventSource": "aws:s3",
            "s3": {
                "bucket": {"name": "{bucket_name}", "arn": "arn:aws:s3:::{bucket_name}"},
                "object": {"key": "{file_key}"},
            },
        }
    ],
    ("api_gateway", "endpoint"): (
        "https://{api_id}.execute-api.{api_region}.amazonaws.com/{stage_name}/launch"
    ),
    **{("api_gateway", "request_parameters", name): value for name, value in _HEADERS.items()},
    ("api_gateway", "http_method"): "ANY",
    ("api_gateway", "method", "authorizationType"): "NONE",
    ("api_gateway", "method", "requestParameters", f"method.request.{_HEADER}"): False,
    ("api_gateway", "integration", "type"): "AWS_PROXY",
    ("api_gateway", "integration", "integrationHttpMethod"): "POST",
    ("api_gateway", "integration", "uri"): (
        "arn:aws:apigateway:{api_region}:lambda:path/2015-03-31/functions/"
        "arn:aws:lambda:{lambda_region}:{account_id}:function:{function_name}/invocations"
    ),
    **{
        ("api_gateway", "integration", "requestParameters", name): value
        for name, value in _HEADERS.items()
    },
    ("api_gateway", "path_part"): "{proxy+}",
    ("api_gateway", "stage_name"): "scar",
    ("api_gateway", "service_id"): "apigateway.amazonaws.com",
    ("api_gateway", "source_arn_testing"): f"{_API}/*",
    ("api_gateway", "source_arn_invocation"): f"{_API}/{{stage_name}}/ANY",
    ("batch", "service_role"): ("arn:aws:iam::{account_id}:role/service-role/AWSBatchServiceRole"),
    ("batch", "compute_resources", "instance_types"): ["m3.medium"],  # no longer offered
    ("batch", "compute_resources", "launch_template_name"): "faas-supervisor",
    ("batch", "compute_resources", "instance_role"): (
        "arn:aws:iam::{account_id}:instance-profile/ecsInstanceRole"
    ),
}
# The sections whose Region and profile are those of ``lambda``, and what SCAR sets there.
_REGION_AND_PROFILE = {"region": "us-east-1", "boto_profile": "default"}


def reason_of(location: Location) -> str:
    """Return why a key of SCAR has no effect; empty if it is none of the table."""
    lengths = range(len(location), 0, -1)
    return next((_REASONS[location[:n]] for n in lengths if location[:n] in _REASONS), "")


def is_default(location: Location, value: object) -> bool:
    """Return whether SCAR itself writes this value into its configuration file."""
    if location in _DEFAULTS:
        return _as_text(value) == _as_text(_DEFAULTS[location])
    return _REGION_AND_PROFILE.get(str(location[-1])) == value


def list_values(
    values: Mapping[str, object], above: Location = ()
) -> Iterator[tuple[Location, object]]:
    """Yield the location and value of each key that has no keys below it."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from list_values(value, (*above, str(key)))
        else:
            yield (*above, str(key)), value


def _as_text(value: object) -> object:
    """Return a number as text: files are read with numbers as they are written."""
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_text(item) for name, item in value.items()}
    return value if isinstance(value, bool) else str(value)
