"""Submits runs as AWS Batch jobs: one SubmitJob, never two for one call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.aws import endpoints
from supervisor.aws.client import AwsClient
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.credentials import find_credentials
from supervisor.aws.errors import AwsError, AwsErrorResponse, NoCredentials
from supervisor.aws.request import AwsRequest
from supervisor.aws.retry import Backoff, RetryPolicy
from supervisor.errors import ConfigError, SubmissionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.aws.request import Origin
    from supervisor.model import BatchTarget, JobRequest


def connect(
    target: BatchTarget, environ: Mapping[str, str], backoff: Backoff | None = None
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
    )
    return BatchSubmitter(client, endpoints.service_endpoint("batch", region, environ), target)


@dataclass(frozen=True, slots=True)
class BatchSubmitter:
    """Adapter of ``ports.JobSubmitter``.

    SubmitJob has no idempotency token, so it is repeated only if nothing was sent or Batch
    throttled it. After any other failure a job may exist; a second job of the same run finds the
    claim of the first and ends.
    """

    client: AwsClient
    origin: Origin
    target: BatchTarget

    def submit(self, job: JobRequest) -> str:
        try:
            response = self.client.send(
                self._build_submit_request(job), retry=RetryPolicy.IF_NOT_PROCESSED
            )
        except AwsError as error:
            raise self._submission_error(error, job) from error
        try:
            return str(json.loads(response.body)["jobId"])
        except (KeyError, TypeError, ValueError) as error:
            raise SubmissionError(
                f"Batch accepted the job {job.name}, but its response has no job id.",
                remedy=f"Look for {job.name} in the job queue {self.target.queue}.",
            ) from error

    def has_ended(self, job: str) -> bool:
        """Return whether the job is SUCCEEDED, FAILED, or no longer known to Batch."""
        request = AwsRequest(
            method="POST",
            origin=self.origin,
            path="/v1/describejobs",
            headers={"content-type": "application/json"},
            body=json.dumps({"jobs": [job]}).encode(),
        )
        try:
            jobs = json.loads(self.client.send(request).body)["jobs"]
            return not jobs or jobs[0]["status"] in {"SUCCEEDED", "FAILED"}
        except (AwsError, KeyError, TypeError, ValueError) as error:
            raise SubmissionError(
                f"The state of the Batch job {job} is unknown: {error}",
                remedy="Allow the role batch:DescribeJobs.",
            ) from error

    def _build_submit_request(self, job: JobRequest) -> AwsRequest:
        # Only overrides: image, role and timeout are those of the job definition's latest revision.
        overrides: dict[str, object] = {
            "environment": [{"name": n, "value": v} for n, v in job.environment.items()]
        }
        resources = {"VCPU": job.vcpus, "MEMORY": str(job.memory or "")}
        if job.memory:
            overrides["resourceRequirements"] = [
                {"type": kind, "value": value} for kind, value in resources.items() if value
            ]
        body = {
            "jobName": job.name,
            "jobQueue": self.target.queue,
            "jobDefinition": self.target.definition,
            "containerOverrides": overrides,
        }
        return AwsRequest(
            method="POST",
            origin=self.origin,
            path="/v1/submitjob",
            headers={"content-type": "application/json"},
            body=json.dumps(body).encode(),
        )

    def _submission_error(self, error: AwsError, job: JobRequest) -> SubmissionError:
        if error.outcome_unknown:
            return SubmissionError(
                f"It is not known whether Batch accepted the job {job.name}: {error.problem}",
                remedy=f"Look for {job.name} in the job queue {self.target.queue}. A second job of "
                "the same run does nothing.",
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
