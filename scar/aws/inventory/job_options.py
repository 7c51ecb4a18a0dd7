"""What a deployed function's jobs may be, from its record in the state bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.aws.model import names
from scar.errors import ConfigurationError, UsageError
from supervisor.batch.job_options import choose_options, find_options_problem
from supervisor.batch.job_request import options_to_json
from supervisor.config import function_config_key, parse_config
from supervisor.errors import ConfigError, EventError
from supervisor.events.json_values import OPTIONS_KEY
from supervisor.events.parser import parse_event
from supervisor.invocation import ObjectEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scar.aws.client.connection import AwsConnection
    from supervisor.job_model import BatchTarget, JobOptions


def read_batch_target(connection: AwsConnection, function: str) -> BatchTarget | None:
    """Return where the function's jobs are submitted; None without Batch. Raise ScarError."""
    bucket = names.state_bucket_name(connection.account)
    s3 = connection.client("s3")
    with errors.translate_errors(f"read the settings of {function}"):
        try:
            body = s3.get_object(Bucket=bucket, Key=function_config_key(function))["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None
    try:
        return parse_config(body.decode(errors="replace")).batch
    except ConfigError as error:
        raise ConfigurationError(error.problem, remedy=error.remedy) from error


def require_job_options(
    connection: AwsConnection, function: str, mode: str, options: JobOptions, *, by_file: bool
) -> BatchTarget:
    """Raise UsageError if the function's jobs cannot have the options; costs one request.

    ``by_file``: jobs are for objects, for which overrides may count: ``require_event_options``
    checks each of them, with what is returned here, and this what no object can have.
    """
    target = None if mode == "lambda" else read_batch_target(connection, function)
    if target is None:
        raise UsageError(
            f"The function {function} runs in Lambda only (execution_mode: lambda), and the options"
            " are those of a Batch job.",
            remedy="Omit them, or set execution_mode: batch or lambda-batch and run `scar init`.",
        )
    overrides = [override.options for override in target.overrides] if by_file else []
    problem = find_options_problem(target, options)
    if problem and all(find_options_problem(target, options, each) for each in overrides):
        raise UsageError(
            f"A job of {function} cannot have these options: {problem}.",
            remedy="Nothing was run. `scar show -n NAME` shows its compute environment.",
        )
    return target


def require_event_options(
    target: BatchTarget, function: str, events: Iterable[Mapping[str, object]]
) -> None:
    """Raise UsageError for the first event of an object whose job cannot have what it requests.

    Without overrides all jobs have the size that ``require_job_options`` has checked.
    """
    if not target.overrides:
        return
    for event in events:
        for trigger in parse_event(json.dumps(event).encode()):
            try:
                choose_options(target, trigger)
            except EventError as error:
                where = f" for {trigger.source}" if isinstance(trigger, ObjectEvent) else ""
                problem = error.problem.removeprefix("The job cannot")
                raise UsageError(
                    f"A job of {function}{where} cannot{problem}",
                    remedy=f"Nothing was run. {error.remedy}",
                ) from error


def options_payload(options: JobOptions | None) -> dict[str, object]:
    """Return the member of an event that requests the options; empty without any."""
    if options is None:
        return {}
    return {OPTIONS_KEY: options_to_json(options)}
