"""ListJobs: the jobs of a queue, or the children of an array job, page by page."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from scar.local.batch import description
from scar.local.batch.model import JobStatus
from scar.local.batch.submission import client_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.batch.model import BatchJob, BatchRegistry
    from scar.local.batch.store import JobStore
    from scar.local.moto.batch_registry import JobQueueRecord

MAX_LISTED = 1_000  # jobs of one response
MAX_FILTERED = 100  # of one with filters
_TIMES = frozenset({"BEFORE_CREATED_AT", "AFTER_CREATED_AT"})
_FILTERS = _TIMES | {"JOB_NAME", "JOB_DEFINITION", "SHARE_IDENTIFIER"}


class JobLists:
    """Answers ListJobs requests from the job store."""

    def __init__(self, store: JobStore, registry: BatchRegistry) -> None:
        self._store = store
        self._registry = registry

    def list_jobs(self, parameters: Mapping[str, Any], region: str) -> dict[str, object]:
        """Return one page; raise BatchApiError as AWS would."""
        if parameters.get("multiNodeJobId"):
            return self._list_nodes(str(parameters["multiNodeJobId"]), parameters)
        array_id = str(parameters.get("arrayJobId") or "")
        if bool(array_id) == bool(parameters.get("jobQueue")):
            raise client_error("Specify one of jobQueue, arrayJobId and multiNodeJobId.")
        jobs, position = (
            self._list_children(array_id.rpartition("/")[2], parameters)
            if array_id
            else self._list_queue(str(parameters["jobQueue"]), parameters, region)
        )
        content: dict[str, object] = {
            "jobSummaryList": [
                description.job_summary(job, self._store.child_counts(job)) for job in jobs
            ]
        }
        if position is not None:
            content["nextToken"] = base64.urlsafe_b64encode(str(position).encode()).decode()
        return content

    def _list_nodes(self, job_id: str, parameters: Mapping[str, Any]) -> dict[str, object]:
        job = self._store.get(job_id.rpartition("/")[2])
        if job is None or not job.spec.nodes:
            raise client_error(f"{job_id} is not a multi-node job.")
        return {"jobSummaryList": description.node_summaries(job, _parse_status(parameters))}

    def _list_children(
        self, array_id: str, parameters: Mapping[str, Any]
    ) -> tuple[list[BatchJob], int | None]:
        if parameters.get("filters"):
            raise client_error("filters do not apply to the children of an array job.")
        array = self._store.get(array_id)
        if array is None or not array.is_array:
            raise client_error(f"Array job {array_id} not found.")
        limit = _parse_max_results(parameters, MAX_LISTED)
        after = _parse_next_token(parameters)
        children = self._store.children.list_page(
            array, _parse_status(parameters), -1 if after is None else after, limit + 1
        )
        page = children[:limit]
        return page, page[-1].array_index if len(children) > limit else None

    def find_queue(self, name: str, region: str) -> JobQueueRecord:
        """Return the queue; raise BatchApiError if there is none."""
        queue = self._registry.find_queue(name, region)
        if queue is None:
            raise client_error(f"JobQueue {name} not found.")
        return queue

    def _list_queue(
        self, name: str, parameters: Mapping[str, Any], region: str
    ) -> tuple[list[BatchJob], int | None]:
        queue = self.find_queue(name, region)
        filters = parameters.get("filters") or []
        if len(filters) > 1:
            raise client_error("Only one filter can be used at a time.")
        for job_filter in filters:
            _require_valid_filter(job_filter)
        return self._find_matching_jobs(
            queue.arn,
            _parse_filtered_status(parameters, filters) if filters else _parse_status(parameters),
            filters,
            _parse_next_token(parameters),
            _parse_max_results(parameters, MAX_FILTERED if filters else MAX_LISTED),
        )

    def _find_matching_jobs(
        self,
        queue: str,
        status: JobStatus | None,
        filters: list[dict[str, Any]],
        before: int | None,
        limit: int,
    ) -> tuple[list[BatchJob], int | None]:
        """Return up to ``limit`` matching jobs and the position of the next page, or None."""
        matching: list[BatchJob] = []
        while rows := self._store.list_page(queue, status, before, MAX_LISTED):
            for number, job in rows:
                # A filter may match few of the rows: pages of the store are read until the page of
                # the response is full.
                if len(matching) == limit:
                    return matching, before
                before = number
                if all(_matches_filter(job, job_filter) for job_filter in filters):
                    matching.append(job)
        return matching, None


def _require_valid_filter(job_filter: Mapping[str, Any]) -> None:
    """Raise BatchApiError, also if no job would be compared with the filter."""
    name = job_filter.get("name")
    if name not in _FILTERS:
        raise client_error(f"{name} is not a ListJobs filter.")
    values = [str(value) for value in job_filter.get("values") or []]
    if name in _TIMES and not all(value.isdecimal() for value in values):
        raise client_error(f"{name} takes milliseconds since 1970.")


def _matches_filter(job: BatchJob, job_filter: Mapping[str, Any]) -> bool:
    """Match as ListJobs documents it: a trailing ``*`` of a name matches any rest.

    Names of jobs ignore case. An ARN of a job definition means one revision, a name all.
    """
    values = [str(value) for value in job_filter.get("values") or []]
    match job_filter.get("name"):
        case "JOB_NAME":
            return any(_matches_name(job.name.lower(), value.lower()) for value in values)
        case "JOB_DEFINITION":
            return any(
                job.spec.definition == value
                if value.startswith("arn:")
                else _matches_name(job.spec.definition_name, value)
                for value in values
            )
        case "BEFORE_CREATED_AT":
            return any(job.created < int(value) for value in values)
        case "AFTER_CREATED_AT":
            return any(job.created > int(value) for value in values)
        case _:
            return job.share in values


def _matches_name(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _parse_status(parameters: Mapping[str, Any]) -> JobStatus:
    # AWS lists RUNNING jobs if the request has neither a status nor a filter.
    name = parameters.get("jobStatus") or "RUNNING"
    try:
        return JobStatus(str(name))
    except ValueError as error:
        raise client_error(f"{name} is not a job status") from error


def _parse_filtered_status(
    parameters: Mapping[str, Any], filters: list[dict[str, Any]]
) -> JobStatus | None:
    """Return the status that jobs must have beside a filter: only shares have one (ListJobs)."""
    is_by_share = filters[0].get("name") == "SHARE_IDENTIFIER"
    return _parse_status(parameters) if is_by_share and parameters.get("jobStatus") else None


def _parse_max_results(parameters: Mapping[str, Any], limit: int) -> int:
    value = parameters.get("maxResults")
    return min(value, limit) if isinstance(value, int) and value > 0 else limit


def _parse_next_token(parameters: Mapping[str, Any]) -> int | None:
    token = parameters.get("nextToken")
    if not token:
        return None
    try:
        position = int(base64.urlsafe_b64decode(str(token)))
    except ValueError as error:
        raise client_error("nextToken is invalid") from error
    if not 0 <= position < 1 << 63:  # SQLite's integers
        raise client_error("nextToken is invalid")
    return position
