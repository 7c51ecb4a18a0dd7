"""The keys of SCAR in one entry of ``functions.aws``, and what becomes of each.

Source: SCAR 4.3's FDL (fdl-example.yaml, docs), its code and its configuration file. A key stands
for all that is below it, unless that has a row of its own. ``flags`` and ``file_words`` have the
options of its commands and the rest of an FDL file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.fdl.scar_words.word import Treatment, Word, moved, not_used, refused, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.fdl.problems import Location

NOT_USED = Treatment.NOT_USED.value
_IMAGES = "functions are container images"
_INVOCATIONS = "`scar run` waits for a response, `scar run -a` does not"
_INTEGRATION = "scar makes the route, the integration and the permission of the endpoint"
_ONE_REGION = "write the Region in `lambda.region`: all of a function is in one Region"
_ONE_PROFILE = "write the profile in `lambda.boto_profile`: all of a function is in one account"
_OF_THE_FILE = "in an FDL file relative to its folder; SCAR's to the current folder"
_SERVICES = ("iam", "cloudwatch", "ecr", "api_gateway", "batch", "s3")

_LAMBDA: Mapping[str, Word] = {
    "name": same(),
    "region": same(),
    "boto_profile": same(),
    "description": same(),
    "memory": same("up to 10240"),
    "timeout": same(),
    "ephemeral_storage": same("also as one number"),
    "architectures": same("a list of one, or `architecture`"),
    "execution_mode": same(),
    "log_level": same("in lower case too"),
    "environment": same(),
    "init_script": same("its first line names the interpreter"),
    "run_script": same(),
    "extra_payload": same(f"a folder, {_OF_THE_FILE}; the files are in /opt/scar/function"),
    "vpc": same("`SubnetIds` and `SecurityGroupIds`, or `subnets` and `security_group_ids`"),
    "file_system": same("`Arn` and `LocalMountPath`, or `arn` and `path`; one file system"),
    "tags": same(),
    "container.image": same(),
    "container.image_file": same(_OF_THE_FILE),
    "container.create_image": same(
        "such an image is built with `scar image compose`; `init_script` is then in it"
    ),
    "container.timeout_threshold": same(),
    "container.environment": same(),
    "input": same(),
    "output": same(),
    "layers": not_used(),
    "supervisor.version": not_used(),
    "supervisor.layer_name": not_used(_IMAGES),
    "supervisor.license_info": not_used("the supervisor is part of scar"),
    "runtime": not_used(_IMAGES),
    "handler": not_used(_IMAGES),
    "zip_file_path": not_used(_IMAGES),
    "deployment": not_used(f"{_IMAGES}, so nothing is deployed through a bucket"),
    "preheat": not_used("the image is not unpacked by the function"),
    "invocation_type": not_used(_INVOCATIONS),
    "asynchronous": not_used(_INVOCATIONS),
    "log_type": not_used("`scar run` shows the output of the run"),
    "arn": not_used("the function is known by its name"),
    "container.alpine": not_used("all images run in the same way"),
    "container.udocker": not_used(_IMAGES),
    "image": moved("lambda.container.image"),
    "image_file": moved("lambda.container.image_file"),
    "time": moved("lambda.timeout"),
    "timeout_threshold": moved("lambda.container.timeout_threshold"),
    "container.init_script": moved("lambda.init_script"),
    "container.extra_payload": moved("lambda.extra_payload"),
    "container.environment_variables": moved("lambda.container.environment.Variables"),
}
_API_GATEWAY: Mapping[str, Word] = {
    "name": same("an HTTP API; requests are signed unless `authentication: NONE` is written"),
    "endpoint": not_used("`scar ls` shows the address, which AWS chooses"),
    "stage_name": not_used("the endpoint has the stage `$default`: addresses have no stage"),
    "path_part": not_used("the endpoint takes every path; `SCAR_HTTP_PATH` tells it to the script"),
    "http_method": refused(
        "remove it: the endpoint takes every method; `SCAR_HTTP_METHOD` tells it to the script"
    ),
    "request_parameters": not_used(
        "the endpoint passes all headers on, X-Amz-Invocation-Type: Event too"
    ),
    "method.authorizationType": refused(
        "write `api_gateway.authentication`: `NONE` for an endpoint that is open to all, `IAM` for"
        " signed requests (AWS_IAM)"
    ),
    "method.requestParameters": not_used(
        "the endpoint passes all headers on, X-Amz-Invocation-Type: Event too"
    ),
    "integration": not_used(_INTEGRATION),
    "service_id": not_used(_INTEGRATION),
    "source_arn_testing": not_used(_INTEGRATION),
    "source_arn_invocation": not_used(_INTEGRATION),
}
_BATCH: Mapping[str, Word] = {
    "vcpus": same(),
    "memory": same(),
    "enable_gpu": same(),
    "environment": same(),
    "state": same("`ENABLED` only"),
    "type": same("`MANAGED` only"),
    "service_role": same("SCAR's own value stands for AWS Batch's service-linked role"),
    "multi_node_parallel.enabled": same(),
    "multi_node_parallel.number_nodes": same(),
    "multi_node_parallel.main_node_index": same(),
    "compute_resources.type": same("also Fargate"),
    "compute_resources.security_group_ids": same("need not be set"),
    "compute_resources.subnets": same("need not be set"),
    "compute_resources.min_v_cpus": same(),
    "compute_resources.max_v_cpus": same(),
    "compute_resources.instance_types": same(),
    "compute_resources.instance_role": same("SCAR's own value stands for a role that scar makes"),
    "compute_resources.desired_v_cpus": not_used(),
    "compute_resources.launch_template_name": not_used(),
    "compute_resources.state": not_used("scar enables the compute environments that it makes"),
    "compute_resources.comp_type": moved("batch.compute_resources.type"),
}


def _locations(section: str, words: Mapping[str, Word]) -> dict[Location, Word]:
    return {(section, *key.split(".")): word for key, word in words.items()}


WORDS: Mapping[Location, Word] = {
    **_locations("lambda", _LAMBDA),
    ("iam", "role"): same("need not be set"),
    ("iam", "account_id"): not_used("the account is that of the credentials"),
    ("cloudwatch", "log_retention_policy_in_days"): same("the values that AWS takes"),
    ("ecr", "delete_image"): same(),
    **_locations("api_gateway", _API_GATEWAY),
    **_locations("batch", _BATCH),
    ("s3",): not_used("buckets are those of `input` and `output`"),
    ("codebuild",): not_used("scar builds images itself"),
    **{(service, "region"): refused(_ONE_REGION) for service in _SERVICES if service != "iam"},
    **{(service, "boto_profile"): refused(_ONE_PROFILE) for service in _SERVICES},
}
"""The location of each key, with what becomes of it. ``region`` and ``boto_profile`` of a service
are refused only if they differ from the function's (``service_places``)."""
_PLACES = ("region", "boto_profile")


def word_of(location: Location) -> Word | None:
    """Return the row of a key, or of the nearest section around it; None if there is none."""
    names = tuple(part for part in location if isinstance(part, str))
    found = (WORDS.get(names[:length]) for length in range(len(names), 0, -1))
    return next((word for word in found if word), None)


def reason_of(location: Location) -> str:
    """Return why a key of SCAR that the FDL does not have has no effect; empty for others."""
    word = word_of(location)
    return word.text if word and word.treatment is Treatment.NOT_USED else ""


def find_refusal(location: Location) -> tuple[Location, Word] | None:
    """Return the refused key that a location is in, with its row; None for all others.

    The Region and profile of a service are none: these are refused by their value.
    """
    for length in range(len(location), 0, -1):
        if word := WORDS.get(location[:length]):
            is_place = location[length - 1] in _PLACES
            is_refused = word.treatment is Treatment.REFUSED and not is_place
            return (location[:length], word) if is_refused else None
    return None


def list_values(
    values: Mapping[str, object], above: Location = ()
) -> Iterator[tuple[Location, object]]:
    """Yield the location and value of each key that has no keys below it."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from list_values(value, (*above, str(key)))
        else:
            yield (*above, str(key)), value
