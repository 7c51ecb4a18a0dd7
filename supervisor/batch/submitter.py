"""Submits runs as AWS Batch jobs: one SubmitJob, never two for one call."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from supervisor.aws import endpoints
from supervisor.aws.client import AwsClient
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.credentials import find_credentials
from supervisor.aws.errors import AwsError, AwsErrorResponse, NoCredentials
from supervisor.aws.request import AwsRequest
from supervisor.aws.retry import Backoff, RetryPolicy, ThrottlingDeadline
from supervisor.batch.submit_parameters import build_submit_parameters
from supervisor.errors import (
    ConfigError,
    SubmissionError,
    SubmissionThrottled,
    SubmissionUnanswered,
)
from supervisor.logs import Log
from supervisor.script_status import SIGKILL_STATUS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.aws.request import Origin
    from supervisor.job_model import BatchTarget, JobRequest

# Seconds for which a throttled request is repeated by a process without a deadline.
THROTTLING_PATIENCE = 300.0
_FEWER_AT_ONCE = (
    "Batch takes 50 SubmitJob requests a second in an account and Region. `scar retry` starts the"
    " run again; a small lambda.concurrency (40) spreads the requests of many files."
)


def connect(
    target: BatchTarget,
    environ: Mapping[str, str],
    backoff: Backoff | None = None,
    *,
    clock: Callable[[], float] = time.time,
    log: Log | None = None,
) -> BatchSubmitter:
    """Create a submitter from the environment of a function; raise ConfigError."""
    try:
        credentials = find_credentials(environ)
    except NoCredentials as error:
        raise ConfigError(error.problem, remedy=error.remedy) from error
    region = endpoints.read_region(environ)
    client = AwsClient(
        service="batch",
        region=region,
        credentials=credentials,
        connections=ConnectionPool(environ),
        backoff=backoff or Backoff(),
        clock=clock,
    )
    endpoint = endpoints.service_endpoint("batch", region, environ)
    return BatchSubmitter(client, endpoint, target, log or Log())


@dataclass(frozen=True, slots=True)
class BatchSubmitter:
    """Adapter of ``ports.JobSubmitter``.

    SubmitJob has no idempotency token, so it is repeated only if nothing was sent or Batch
    throttled it. After a lost response a job may exist; the caller's next attempt submits another
    one unless that job has started. The second job of a run finds the claim of the first and ends.
    """

    client: AwsClient
    origin: Origin
    target: BatchTarget
    log: Log = field(default_factory=Log)

    def submit(self, job: JobRequest, *, until: float | None = None) -> str:
        try:
            response = self.client.send(
                self._build_submit_request(job),
                retry=RetryPolicy.IF_NOT_PROCESSED,
                throttling=self._throttling_deadline(until),
            )
        except AwsError as error:
            raise self._submission_error(error, job) from error
        try:
            return str(json.loads(response.body)["jobId"])
        except (KeyError, RecursionError, TypeError, ValueError) as error:
            raise SubmissionUnanswered(
                f"Batch's response to SubmitJob for the job {job.name} has no job id.",
                remedy=self._unconfirmed_remedy(job),
            ) from error

    def has_ended(self, job: str, *, until: float | None = None) -> bool:
        """Return whether the job is SUCCEEDED, FAILED, or no longer known to Batch."""

        def read(jobs: list[dict[str, Any]]) -> bool:
            return not jobs or jobs[0]["status"] in {"SUCCEEDED", "FAILED"}

        return self._describe_job(job, until, read)

    def was_out_of_memory(self, job: str, attempt: int) -> bool:
        """Return whether memory exhaustion killed the container of an attempt, from 1."""

        def read(jobs: list[dict[str, Any]]) -> bool:
            container = jobs[0]["attempts"][attempt - 1]["container"]
            reason = str(container.get("reason", ""))
            killed = container.get("exitCode") == SIGKILL_STATUS
            return killed and reason.startswith("OutOfMemoryError")

        return self._describe_job(job, None, read)

    def _describe_job(
        self, job: str, until: float | None, read: Callable[[list[dict[str, Any]]], bool]
    ) -> bool:
        request = AwsRequest(
            method="POST",
            origin=self.origin,
            path="/v1/describejobs",
            headers={"content-type": "application/json"},
            body=json.dumps({"jobs": [job]}).encode(),
        )
        try:
            response = self.client.send(request, throttling=self._throttling_deadline(until))
            return read(json.loads(response.body)["jobs"])
        except (AwsError, LookupError, RecursionError, TypeError, ValueError) as error:
            if isinstance(error, AwsError) and error.transient:
                kind = SubmissionThrottled if error.throttled else SubmissionUnanswered
                what = "throttled" if error.throttled else "did not answer"
                raise kind(
                    f"The state of the Batch job {job} is unknown: AWS Batch {what}"
                    f" DescribeJobs: {error.problem}",
                    remedy="`scar retry` starts the run again.",
                ) from error
            raise SubmissionError(
                f"The state of the Batch job {job} is unknown: {error}",
                remedy="Allow the role batch:DescribeJobs.",
            ) from error

    def _throttling_deadline(self, until: float | None) -> ThrottlingDeadline:
        now = self.client.clock()
        end = now + THROTTLING_PATIENCE if until is None else until

        def report(error: AwsError) -> None:
            self.log.info(
                f"AWS Batch throttles requests; repeating for up to {max(0.0, end - now):.0f} s:"
                f" {error.problem}"
            )

        return ThrottlingDeadline(until=end, report=report)

    def _build_submit_request(self, job: JobRequest) -> AwsRequest:
        return AwsRequest(
            method="POST",
            origin=self.origin,
            path="/v1/submitjob",
            headers={"content-type": "application/json"},
            body=json.dumps(build_submit_parameters(self.target, job)).encode(),
        )

    def _submission_error(self, error: AwsError, job: JobRequest) -> SubmissionError:
        if error.throttled:
            return SubmissionThrottled(
                f"AWS Batch throttled SubmitJob for the job {job.name} until there was no time"
                f" left: {error.problem}",
                remedy=_FEWER_AT_ONCE,
            )
        if error.outcome_unknown:
            return SubmissionUnanswered(
                f"It is not known whether Batch accepted the job {job.name}: {error.problem}",
                remedy=self._unconfirmed_remedy(job),
            )
        if error.transient:
            return SubmissionUnanswered(
                f"AWS Batch was not reached to submit the job {job.name}: {error.problem}",
                remedy=error.remedy,
            )
        remedy = error.remedy
        if isinstance(error, AwsErrorResponse) and not remedy:
            remedy = (
                f"Allow the role batch:SubmitJob on the queue {self.target.queue} and the job "
                f"definition {self.target.definition}."
                if error.status == 403
                else "Run `scar init` again: it creates the queue and the job definition."
            )
        return SubmissionError(f"Cannot submit the job {job.name}: {error.problem}", remedy=remedy)

    def _unconfirmed_remedy(self, job: JobRequest) -> str:
        return (
            f"Look for {job.name} in the job queue {self.target.queue}. `scar retry` starts the run"
            " again; of two jobs of a run the second ends without running the script."
        )
