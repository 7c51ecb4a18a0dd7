"""A job of a cluster: it runs a dask scheduler or worker instead of a run.

The job's environment names the cluster's specification in the state bucket, which has the TLS
material: DescribeJobs shows environments, and command lines are seen by every process. The job
claims its record, keeps it alive while the process runs, and writes how the process ended.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.errors import ClaimLost, ConfigError, SupervisorError, Terminated
from supervisor.execution.command import start_folder
from supervisor.execution.environment import RunVariables, build_environment
from supervisor.execution.workspace import create_workspace
from supervisor.invocation import ProcessSpec, RunOwner
from supervisor.model import ComputeService, ObjectRef
from supervisor.runs import cluster_record as cluster
from supervisor.runs.cluster_member import ClusterMember
from supervisor.runs.heartbeat import renew_periodically
from supervisor.runs.leases import RENEWAL_INTERVAL
from supervisor.runtime import batch_job, dask_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.execution.core import Supervisor
    from supervisor.execution.workspace import Workspace
    from supervisor.logs import Log
    from supervisor.runs.cluster_record import ClusterPath, ClusterSpec

# Seconds. A scheduler's job may wait for an instance while its workers run already.
SCHEDULER_PATIENCE = 900.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0


def run_cluster_job(supervisor: Supervisor, environ: Mapping[str, str]) -> int:
    """Run the process of this job until it ends; return the exit status of the job."""
    return ClusterJob(
        supervisor=supervisor,
        path=_read_path(supervisor, environ),
        member=_read_member_id(environ),
        name=environ.get(cluster.NAME_VARIABLE) or environ[cluster.ID_VARIABLE],
        owner=RunOwner(
            site=ComputeService.BATCH,
            request="",
            job=environ.get("AWS_BATCH_JOB_ID", ""),
            attempt=_read_attempt(environ),
        ),
        log_stream=batch_job.read_log_stream(environ),
    ).run()


def _read_attempt(environ: Mapping[str, str]) -> int:
    attempt = environ.get("AWS_BATCH_JOB_ATTEMPT", "")
    return int(attempt) if attempt.isdecimal() else 1


def _read_path(supervisor: Supervisor, environ: Mapping[str, str]) -> ClusterPath:
    """Return the cluster of the job; raise ConfigError if this function must not run it.

    Whoever may submit jobs may set the variable: the specification must be the function's own.
    """
    config, url = supervisor.config, environ.get(cluster.URL_VARIABLE, "")
    if not config.cluster:
        raise ConfigError(
            f"The jobs of {config.name} are not allowed to form clusters.",
            remedy="Set batch.cluster: true in the FDL file, and run `scar init` again.",
        )
    path = cluster.parse_spec_key(url.removeprefix(f"s3://{config.state_bucket}/"))
    if path is None or path.function != config.name:
        raise ConfigError(
            f"{cluster.URL_VARIABLE} is {url!r}, not a cluster of {config.name}.",
            remedy="Start clusters with scar.cluster.BatchCluster or `scar cluster start`.",
        )
    return path


def _read_member_id(environ: Mapping[str, str]) -> str:
    member = environ.get(cluster.ID_VARIABLE, "")
    if not cluster.is_member_id(member):
        raise ConfigError(
            f"{cluster.ID_VARIABLE} is {member!r}, not the id of a member.",
            remedy="Start clusters with scar.cluster.BatchCluster or `scar cluster start`.",
        )
    return member


@dataclass(slots=True, kw_only=True)
class ClusterJob:
    """One member of a cluster; ``sleep`` and ``clock`` in seconds."""

    supervisor: Supervisor
    path: ClusterPath
    member: str
    name: str
    owner: RunOwner
    log_stream: str = ""
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _record: ClusterMember = field(init=False)

    def __post_init__(self) -> None:
        config = self.supervisor.config
        self._record = ClusterMember(
            store=self.supervisor.open_store("s3"),
            bucket=config.state_bucket,
            key=self.path.member_key(self.member),
            content=cluster.MemberRecord(
                kind=cluster.SCHEDULER if self.is_scheduler else cluster.WORKER,
                owner=self.owner,
                log_group=f"/aws/batch/{config.name}",
                log_stream=self.log_stream,
            ),
        )

    @property
    def is_scheduler(self) -> bool:
        return self.member == cluster.SCHEDULER

    @property
    def log(self) -> Log:
        return self.supervisor.log

    def run(self) -> int:
        """Run the process; return 0 if it ended because it was told to, also by TERM.

        Raise StorageError if the record cannot be claimed.
        """
        if not self._record.claim():
            self.log.info(f"Another job is {self.member} of cluster {self.path.cluster}.")
            return 0
        try:
            with renew_periodically(self._record.renew, RENEWAL_INTERVAL, self.log):
                self._run_process()
        except ClaimLost as lost:
            self.log.warning(lost.problem, remedy=lost.remedy)
            return 0
        except Terminated:
            self._close(cluster.ENDED, None)
            return 0
        except SupervisorError as error:
            self.log.error(error.problem, remedy=error.remedy)
            self._close(cluster.FAILED, error)
            return batch_job.FAILURE_STATUS
        self._close(cluster.ENDED, None)
        return 0

    def _close(self, state: str, error: SupervisorError | None) -> None:
        try:
            self._write_end(state, error)
        except Terminated:
            self._write_end(state, error)  # TERM is ignored from now on

    def _write_end(self, state: str, error: SupervisorError | None) -> None:
        try:
            self._record.close(state, error)
        except SupervisorError as second:  # nothing depends on the record of an ended member
            self.log.warning(f"The end cannot be recorded: {second.problem}", remedy=second.remedy)

    def _run_process(self) -> None:
        spec = self._read_spec()
        if spec is None:
            self.log.info(f"The cluster {self.path.cluster} has ended.")
            return
        address = spec.scheduler
        if self.is_scheduler:
            address = dask_process.choose_address()
            self._record.set_address(address)
        elif not address:
            address = self._wait_for_scheduler()
        if not address:
            self.log.info(f"The scheduler of cluster {self.path.cluster} has ended.")
            return
        parent, exclusive = self.supervisor.temporary, self.supervisor.exclusive
        with create_workspace(parent, exclusive=exclusive, warn=self.log.warning) as workspace:
            self._run_in(workspace, spec, address)

    def _run_in(self, workspace: Workspace, spec: ClusterSpec, address: str) -> None:
        config = self.supervisor.config
        environment = self._build_environment(workspace)
        tls = dask_process.write_tls_files(workspace.root, spec)
        python = dask_process.find_python(environment)
        if self.is_scheduler:
            argv = dask_process.scheduler_command(python, address, spec, tls)
        else:
            argv = dask_process.worker_command(python, address, self.name, spec, tls)
        folder, note = start_folder(config.image, workspace.root, config.image.user)
        if note:
            self.log.info(note)
        self.log.info(f"Starting the {self._record.content.kind} {self.name} at {address}.")
        status, output = self.supervisor.runner.run(
            ProcessSpec(
                argv=argv,
                cwd=folder,
                environment=environment,
                folder=workspace.root,
                has_own_home="HOME" in {**config.image.environment, **config.environment},
                user=config.image.user,
            ),
            timeout=None,
        )
        if status != 0:
            raise dask_process.describe_failure(status, output, address, spec)

    def _build_environment(self, workspace: Workspace) -> dict[str, str]:
        supervisor = self.supervisor
        variables = RunVariables(
            run_id=f"{self.path.cluster}-{self.member}",
            request_id=self.owner.job,
            service=self.owner.site.value,
            attempt=self.owner.attempt,
            job_number=1,
            event="{}",
            input_dir=str(workspace.inputs),
            output_dir=str(workspace.outputs),
            extra_payload=str(supervisor.home / "function")
            if supervisor.config.extra_payload
            else "",
        )
        environment = build_environment(supervisor.config, supervisor.environ, variables)
        return {**environment, **supervisor.read_secrets(None)}

    def _read_spec(self) -> ClusterSpec | None:
        """Return the cluster's specification; None if the cluster has been stopped."""
        found = self._record.store.read(self._ref(self.path.spec_key))
        return None if found is None else cluster.parse_spec(found[0], self.path.spec_key)

    def _wait_for_scheduler(self) -> str:
        """Return the address in the scheduler's record; empty if it or the cluster has ended.

        Raise ClusterJobFailed if it does not start.
        """
        key = self.path.member_key(cluster.SCHEDULER)
        deadline, pause = self.clock() + SCHEDULER_PATIENCE, FIRST_PAUSE
        while True:
            found = self._record.store.read(self._ref(key))
            if found is not None:
                record = cluster.parse_member(found[0], key)
                if record.state != cluster.RUNNING:
                    return ""
                if record.address:
                    return record.address
            elif self._read_spec() is None:
                return ""
            if self.clock() > deadline:
                raise dask_process.scheduler_missing(SCHEDULER_PATIENCE)
            self.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 1.5)

    def _ref(self, key: str) -> ObjectRef:
        return ObjectRef("s3", self.supervisor.config.state_bucket, key)
