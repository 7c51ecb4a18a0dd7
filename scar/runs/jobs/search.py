"""Find a job by its id, the start of its id, or its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.errors import ScarError
from scar.runs.jobs.listing import JobFilter, find_queues, list_jobs
from scar.runs.jobs.model import JobDescription, parse_detail

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

# A job's id is a UUID; children of arrays add ``:index``, nodes ``#index``.
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}([:#]\d+)?")
_START_OF_ID = re.compile(r"[0-9a-f-]{4,36}([:#]\d+)?")
_SEARCHED = 1000  # newest jobs of each queue that are searched
_SHOWN = 5


class JobNotFoundError(ScarError):
    """No job, or more than one, has this id or name."""


def is_job_id(text: str) -> bool:
    """Return whether the text has the form of a job's whole id."""
    return bool(_ID.fullmatch(text))


def find_job(batch: BatchClient, text: str) -> JobDescription:
    """Return the job; raise JobNotFoundError if there is none, or more than one.

    ``text`` is an id, the start of an id, or a name, of which the newest job counts. All but ids
    are searched among the newest jobs of scar's queues.
    """
    if _ID.fullmatch(text):
        found = _describe(batch, text)
        if found is None:
            raise JobNotFoundError(
                f"There is no job {text}.",
                remedy="Batch forgets jobs some days after their end; `scar why` of the run reads"
                " its record.",
            )
        return found
    queues = find_queues(batch)
    if named := list_jobs(batch, queues, JobFilter(name=text), 1):
        return _require(_describe(batch, named[0].id), text)
    if _START_OF_ID.fullmatch(text):
        start, separator, index = _split_index(text)
        every = list_jobs(batch, queues, JobFilter(), _SEARCHED)
        ids = [job.id for job in every if job.id.startswith(start)]
        if len(ids) == 1:
            return _require(_describe(batch, f"{ids[0]}{separator}{index}"), text)
        if ids:
            more = ", …" if len(ids) > _SHOWN else ""
            raise JobNotFoundError(
                f"{len(ids)} jobs begin with {text}: {', '.join(ids[:_SHOWN])}{more}.",
                remedy="Add characters of the id.",
            )
    raise JobNotFoundError(
        f"There is no job with the id or name {text!r} among the newest jobs of scar's queues.",
        remedy="`scar job ls` lists them; a run's job is found with `scar why RUN`.",
    )


def _split_index(text: str) -> tuple[str, str, str]:
    for separator in ":#":
        if separator in text:
            return text.partition(separator)
    return text, "", ""


def _describe(batch: BatchClient, job_id: str) -> JobDescription | None:
    with translate_errors(f"describe the job {job_id}"):
        jobs = batch.describe_jobs(jobs=[job_id])["jobs"]
    return parse_detail(jobs[0]) if jobs else None


def _require(found: JobDescription | None, text: str) -> JobDescription:
    if found is None:
        raise JobNotFoundError(
            f"The job {text} is no longer there.", remedy="`scar job ls` lists the jobs."
        )
    return found
