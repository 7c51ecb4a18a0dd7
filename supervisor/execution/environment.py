"""The environment variables of a script."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.errors import EventError
from supervisor.model import ComputeService
from supervisor.trace_ids import TRACE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.invocation import HttpRequest
    from supervisor.job_model import BatchTarget
    from supervisor.model import FunctionConfig

# bundle/launch.c renames variables that would break the supervisor's own Python.
RENAMED_PREFIX = "SCARX_"
# Input of the supervisor, not for scripts.
INTERNAL_VARIABLES = frozenset(
    {"SCAR_HOME", "SCAR_EVENT", "SCAR_EVENT_URL", "SCAR_RUN_DATE", "SCAR_REQUEST_ID", "SCAR_JOB"}
    | {"AWS_LAMBDA_RUNTIME_API", "_HANDLER", "_LAMBDA_TELEMETRY_LOG_FD"}
    | {"SCAR_WORKER_URL", "SCAR_WORKER_NAME", "SCAR_WORKER_ID"}
    | {"SCAR_ARRAY_URL", "SCAR_ARRAY_WIDTH"}
    # That of the run is set instead.
    | {TRACE_VARIABLE}
)

# Set for each run, besides those of query parameters; SCAR_RUN_ID is an input as well.
RUN_VARIABLES = frozenset(
    {"TMP_INPUT_DIR", "TMP_OUTPUT_DIR", "INPUT_FILE_PATH", "STORAGE_OBJECT_KEY"}
    | {"EVENT", "EVENT_TIME", "REQUEST_ID", "AWS_LAMBDA_REQUEST_ID", "INSTANCE_IP"}
    | {"SCAR_RUN_ID", "SCAR_FUNCTION", "SCAR_SITE", "SCAR_ATTEMPT", "SCAR_DEADLINE"}
    | {"SCAR_HOSTFILE", "SCAR_JOB_NUMBER", TRACE_VARIABLE}
    # Of HTTP requests; and SCAR_HTTP_HEADER_<NAME>.
    | {"SCAR_HTTP_METHOD", "SCAR_HTTP_PATH"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunVariables:
    """The values of one run; a variable whose value is empty is not set.

    ``attempt`` counts those of one job, ``job_number`` the jobs of the run: ``batch.retry`` may
    submit several. Both begin with 1. ``extra_payload`` is the folder of the user's files.
    """

    run_id: str
    request_id: str
    service: str
    attempt: int
    job_number: int
    event: str
    input_dir: str
    output_dir: str
    input_file: str = ""
    object_key: str = ""
    event_time: str = ""
    deadline: float | None = None
    instance_ip: str = ""
    hostfile: str = ""
    trace: str = ""
    extra_payload: str = ""
    log_group: str = ""
    log_stream: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    request: HttpRequest | None = None


# docs: "AWS Batch job environment variables"; ECS task metadata and task IAM roles.
_BATCH_PREFIXES = ("AWS_BATCH_", "AWS_CONTAINER_", "AWS_EXECUTION_ENV", "ECS_")
# Docker's for an image without a PATH.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# MAX_ARG_STRLEN: Linux starts no program with a variable above 128 KiB, name included.
MAX_VARIABLE_BYTES = 128 * 1024 - 64


def build_environment(
    config: FunctionConfig, process: Mapping[str, str], run: RunVariables
) -> dict[str, str]:
    """Return the script's environment; later sources override earlier ones.

    Order: SCAR's ``EXTRA_PAYLOAD`` and ``CONTEXT``; the image's variables; those of Lambda, Batch
    and ``lambda.environment`` (without the supervisor's own); ``container.environment``; in Batch,
    ``batch.environment`` and what the submission of the job set; the run's. A variable that cannot
    be passed (a NUL in it, or ``EVENT`` above 128 KiB) is left out; the content of the event is
    also in a file. Raise EventError for a value of the event that is not valid Unicode: Linux
    passes bytes.
    """
    _check_unicode(run)
    # The launcher's prefix is removed here, so the script sees the image's LD_PRELOAD and the like.
    own = {name: value for name, value in process.items() if name not in INTERNAL_VARIABLES}
    for name in [name for name in own if name.startswith(RENAMED_PREFIX)]:
        own[name.removeprefix(RENAMED_PREFIX)] = own.pop(name)
    container = config.environment
    if run.service == ComputeService.BATCH and config.batch is not None:
        own |= _empty_variables(config, config.batch, own)
        container = _container_variables(config, config.batch, own)
    every = {
        **_scar_variables(config, run),
        **config.image.environment,
        **own,
        **container,
        **_run_variables(config, run),
    }
    return {name: value for name, value in every.items() if _is_passable(name, value)}


def _scar_variables(config: FunctionConfig, run: RunVariables) -> dict[str, str]:
    """Return variables of SCAR whose names are common: what the image or the FDL sets, counts.

    ``CONTEXT`` has the members of Lambda's context object that SCAR passed to its Batch jobs.
    """
    found = {"EXTRA_PAYLOAD": run.extra_payload} if run.extra_payload else {}
    if run.service != ComputeService.BATCH:
        return found
    import json

    context = {
        "function_name": config.name,
        "memory_limit_in_mb": config.memory,
        "aws_request_id": run.request_id,
        "log_group_name": run.log_group,
        "log_stream_name": run.log_stream,
    }
    return {**found, "CONTEXT": json.dumps(context)}


def _empty_variables(
    config: FunctionConfig, target: BatchTarget, own: Mapping[str, str]
) -> dict[str, str]:
    """Return the job's empty variables, except those that were set at submission."""
    image = config.image.environment
    return {name: "" for name in target.empty_variables if own.get(name) == image.get(name)}


def _container_variables(
    config: FunctionConfig, target: BatchTarget, own: Mapping[str, str]
) -> dict[str, str]:
    """Return ``container.environment`` without what has precedence over it in a job.

    That is ``batch.environment``, and what was set at submission: a value that neither the job
    definition, nor the image, nor Batch itself has set. A submission that repeats the definition's
    value cannot be told from it.
    """

    def started_with(name: str) -> str | None:
        """Return the value without a submission's."""
        if name in target.empty_variables:
            return ""
        return target.overridden.get(name, config.image.environment.get(name))

    return {
        name: value
        for name, value in config.environment.items()
        if name not in own
        or not (name in target.batch_variables or own[name] != started_with(name))
        or _is_set_by_batch(name, own[name])
    }


def _is_set_by_batch(name: str, value: str) -> bool:
    """Return whether Batch, ECS or the container runtime sets the variable by itself."""
    return (
        name in ("HOME", "HOSTNAME", "TERM")
        or (name, value) == ("PATH", DEFAULT_PATH)
        or name.startswith(_BATCH_PREFIXES)
    )


def _run_variables(config: FunctionConfig, run: RunVariables) -> dict[str, str]:
    always = {
        "TMP_INPUT_DIR": run.input_dir,
        "TMP_OUTPUT_DIR": run.output_dir,
        "EVENT": run.event,
        "REQUEST_ID": run.request_id,
        "AWS_LAMBDA_REQUEST_ID": run.request_id,
        "SCAR_RUN_ID": run.run_id,
        "SCAR_FUNCTION": config.name,
        "SCAR_SITE": run.service,
        "SCAR_ATTEMPT": str(run.attempt),
        "SCAR_JOB_NUMBER": str(run.job_number),
    }
    sometimes = {
        "INPUT_FILE_PATH": run.input_file,
        "STORAGE_OBJECT_KEY": run.object_key,
        "EVENT_TIME": run.event_time,
        "INSTANCE_IP": run.instance_ip,
        "SCAR_HOSTFILE": run.hostfile,
        TRACE_VARIABLE: run.trace,
        "SCAR_DEADLINE": "" if run.deadline is None else f"{run.deadline:.3f}",
    }
    parameters = {f"CONT_VAR_{name}": value for name, value in run.parameters.items()}
    http = _http_variables(run.request) if run.request else {}
    return {
        **parameters,
        **http,
        **always,
        **{name: value for name, value in sometimes.items() if value},
    }


def _http_variables(request: HttpRequest) -> dict[str, str]:
    """Return what a script knows of an HTTP request; the prefix keeps names apart from others."""
    headers = {
        f"SCAR_HTTP_HEADER_{name.upper().replace('-', '_')}": value
        for name, value in request.headers.items()
    }
    return {**headers, "SCAR_HTTP_METHOD": request.method, "SCAR_HTTP_PATH": request.path}


def _check_unicode(run: RunVariables) -> None:
    values = {
        "STORAGE_OBJECT_KEY": run.object_key,
        "EVENT_TIME": run.event_time,
        "EVENT": run.event,
    }
    if run.request is not None:
        values |= _http_variables(run.request)
    for name, value in {**values, **run.parameters}.items():
        try:
            (name + value).encode()
        except UnicodeEncodeError as error:
            what = "The query parameter" if name in run.parameters else "The event's value for"
            raise EventError(
                f"{what} {ascii(name)[:80]} is not valid Unicode: it has half of a surrogate pair.",
                remedy="Send text that can be encoded as UTF-8.",
            ) from error


def _is_passable(name: str, value: str) -> bool:
    if not name or "=" in name or "\0" in name or "\0" in value:
        return False
    return len(name) + len(value.encode("utf-8", "surrogatepass")) <= MAX_VARIABLE_BYTES
