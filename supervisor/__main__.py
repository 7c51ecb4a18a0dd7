"""Entry point: start the Lambda runtime loop, a Batch job, or one event from standard input.

``AWS_LAMBDA_RUNTIME_API`` is set: the Lambda loop. ``AWS_BATCH_JOB_ID``: one job. Otherwise the
event on standard input is handled once, as ``local``.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.errors import ConfigError, SupervisorError, Terminated
from supervisor.logs import Log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from supervisor.batch.failure_handler import FailureHandler
    from supervisor.execution.core import Supervisor
    from supervisor.model import FunctionConfig, ObjectRef, StoredObject
    from supervisor.ports import EndpointServices, JobSubmitter, ObjectStore

DEFAULT_HOME = "/opt/scar"
DEFAULT_TEMPORARY = "/tmp"  # noqa: S108 - the only writable folder in Lambda
# Seconds from TERM to KILL for scripts. In Lambda they are part of timeout_threshold; in Batch ECS
# kills the container 30 seconds after its own TERM.
LAMBDA_GRACE, BATCH_GRACE = 2.0, 10.0


def main() -> int:
    """Run until the work ends; return the exit status of the process."""
    if sys.argv[1:2] == ["--self-test"]:
        from supervisor.runtime.self_test import run_self_test

        findings = run_self_test(Path(DEFAULT_HOME), script="--no-script" not in sys.argv)
        sys.stdout.write(json.dumps(findings) + "\n")
        return 0
    # First of all: nothing may be started or opened before the fork.
    if os.getpid() == 1:
        from supervisor.runtime.pid1 import fork_and_reap

        status = fork_and_reap()
        if status is not None:
            return status
    environ = dict(os.environ)
    if environ.get("AWS_LAMBDA_RUNTIME_API"):
        return _run_lambda(environ)
    # Not in Lambda, which sends no TERM to a runtime without extensions.
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        return _run_batch_job(environ) if environ.get("AWS_BATCH_JOB_ID") else _run_once(environ)
    except Terminated:
        return 143
    except SupervisorError as error:
        Log().error(error.problem, remedy=error.remedy)
        return 1


def _raise_terminated(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second TERM would interrupt the clean-up
    raise Terminated


def _run_lambda(environ: Mapping[str, str]) -> int:
    from supervisor.runtime import lambda_loop

    api = lambda_loop.RuntimeApiClient(environ["AWS_LAMBDA_RUNTIME_API"])
    log = Log()
    try:
        try:
            handler = _build_handler(environ)
        except SupervisorError as error:
            # The init error is what Lambda shows to callers, instead of "Runtime exited".
            log.error(error.problem, remedy=error.remedy)
            api.send_init_error(error)
            return 1
        lambda_loop.serve(api, handler.handle, environ, handler.log)
    except lambda_loop.RuntimeApiError as error:
        log.error(error.problem)
    return 1


def _run_batch_job(environ: Mapping[str, str]) -> int:
    from supervisor.runtime import batch_job

    supervisor = _build_supervisor(environ)
    if environ.get("SCAR_WORKER_URL"):
        from supervisor.runtime import cluster_job

        return cluster_job.run_cluster_job(supervisor, environ)
    target = supervisor.config.batch
    has_retries = target is not None and bool(target.retry)
    invocation = batch_job.read_invocation(
        environ,
        supervisor.config.name,
        supervisor.open_store,
        batch_job.read_log_stream(environ),
        has_retries=has_retries,
    )
    handled = supervisor.handle(invocation)
    if not has_retries:
        return batch_job.exit_status(handled)
    from supervisor.batch import resubmission

    restarts = resubmission.restarts_killed_jobs(target)
    return batch_job.exit_status(handled, is_restarted_when_killed=restarts)


def _run_once(environ: Mapping[str, str]) -> int:
    from supervisor.invocation import Invocation, RunOwner
    from supervisor.model import ComputeService
    from supervisor.runtime.batch_job import exit_status

    supervisor = _build_supervisor(environ)
    owner = RunOwner(site=ComputeService.LOCAL, request=os.urandom(16).hex())
    event = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    return exit_status(supervisor.handle(Invocation(owner=owner, event=event)))


def _build_handler(environ: Mapping[str, str]) -> Supervisor | FailureHandler:
    """Return the object that handles the events of this Lambda function."""
    config = _read_config(_home_folder(environ) / "function" / "function.json")
    if not config.is_failure_handler:
        return _build_supervisor(environ)
    from functools import cache, partial

    from supervisor import storage
    from supervisor.batch import submitter
    from supervisor.batch.failure_handler import FailureHandler
    from supervisor.config import bucket_owners

    log = Log(config.log_level)
    _enable_collection()
    return FailureHandler(
        name=config.name,
        bucket=config.state_bucket,
        find_object=partial(_find_object, environ),
        list_objects=partial(_list_objects, environ),
        open_store=cache(partial(storage.open_store, "s3", environ, bucket_owners(config))),
        open_submitter=lambda target: submitter.connect(target, environ, log=log),
        log=log,
    )


def _find_object(environ: Mapping[str, str], ref: ObjectRef) -> StoredObject | None:
    from supervisor.storage import s3

    return s3.connect(environ).api.find_object(ref)


def _list_objects(environ: Mapping[str, str], ref: ObjectRef) -> Mapping[str, StoredObject]:
    from supervisor.storage import s3

    return s3.connect(environ).api.list_objects(ref)


def _home_folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("SCAR_HOME") or DEFAULT_HOME)


def _build_supervisor(environ: Mapping[str, str]) -> Supervisor:
    """Create the supervisor with its adapters; stores and the submitter connect at first use."""
    from functools import cache

    from supervisor.aws.function_secrets import FunctionSecrets
    from supervisor.config import bucket_owners
    from supervisor.execution.core import Supervisor
    from supervisor.execution.process_runner import ProcessRunner

    home = _home_folder(environ)
    config = _read_config(home / "function" / "function.json")
    log = Log(config.log_level)
    in_batch = bool(environ.get("AWS_BATCH_JOB_ID"))
    temporary = Path(environ.get("TMPDIR") or DEFAULT_TEMPORARY)

    function_secrets = FunctionSecrets(config, environ, log)

    @cache
    def open_store(provider: str) -> ObjectStore:
        from supervisor import storage

        other = next((item for item in config.providers if item.name == provider), None)
        if other is not None:
            read = function_secrets.store_reader(provider)
            return storage.open_provider(other, environ, log, read)
        return storage.open_store(provider, environ, bucket_owners(config), config.encryption)

    @cache
    def open_submitter() -> JobSubmitter:
        if config.batch is None:
            raise ConfigError(
                f"The function {config.name} has no Batch job queue.",
                remedy="Run `scar init` again.",
            )
        from supervisor.batch import submitter

        return submitter.connect(config.batch, environ, log=log)

    @cache
    def open_services() -> EndpointServices:
        from supervisor.endpoint import services

        return services.connect(config, environ)

    _enable_collection()
    return Supervisor(
        config=config,
        home=home,
        temporary=temporary,
        # Lambda keeps /tmp for the next run of the sandbox, and no other program uses it.
        exclusive=bool(environ.get("AWS_LAMBDA_RUNTIME_API"))
        and str(temporary) == DEFAULT_TEMPORARY,
        environ=_initial_environment(),
        open_store=open_store,
        open_submitter=open_submitter,
        read_webhook_token=function_secrets.read_webhook_token,
        open_services=open_services,
        read_secrets=function_secrets.read_for_script,
        runner=ProcessRunner(log, grace=BATCH_GRACE if in_batch else _lambda_grace(config)),
        log=log,
    )


def _enable_collection() -> None:
    """Enable garbage collection if ``runtime/fast_start.py`` has disabled it."""
    if not gc.isenabled():
        # What has been loaded stays for the life of the process. If it were not frozen, the first
        # collection would look at all of it, 1.3 ms of the start, and later ones again.
        gc.freeze()
        gc.enable()


def _lambda_grace(config: FunctionConfig) -> float:
    """Return the seconds from TERM to KILL in Lambda: of a short threshold, half is for records."""
    return min(LAMBDA_GRACE, config.timeout_threshold / 2)


def _read_config(path: Path) -> FunctionConfig:
    from supervisor import config

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}.", remedy="Run `scar init` again."
        ) from error
    return config.parse_config(text)


def _initial_environment() -> dict[str, str]:
    """Return the environment at the start of this process: Python adds LC_CTYPE to os.environ."""
    try:
        data = Path("/proc/self/environ").read_bytes()
    except OSError:
        return dict(os.environ)
    pairs = (os.fsdecode(entry).partition("=") for entry in data.split(b"\0") if b"=" in entry)
    return {name: value for name, _, value in pairs}


if __name__ == "__main__":
    sys.exit(main())
