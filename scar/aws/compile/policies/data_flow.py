"""The data flow of one function: what it reads, writes and calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.model import names

if TYPE_CHECKING:
    from scar.aws.model.account import Account


@dataclass(frozen=True, slots=True)
class BucketFolder:
    """A folder of a bucket; the prefix ends with ``/`` or is empty for the whole bucket."""

    bucket: str
    prefix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFlow:
    """The folders that a function reads and writes, and the resources that it uses.

    ``reads`` are folders with reference data, which only the script reads; ``secrets`` are
    references as in ``container.secrets``.
    ``queue`` is the name of the job queue that it submits jobs to, empty without Batch;
    ``other_queues`` are those that a run may ask for instead; ``resubmits``: its jobs submit jobs
    too. ``cluster``: its jobs may submit and end jobs of the function, the workers of a cluster.
    ``event_queue`` is the ARN of the queue in which its events are gathered.
    ``kms_keys`` are pairs of a bucket and the ARN of its KMS key. ``in_vpc``: the function has
    network interfaces in a VPC. ``file_systems`` are those that the Lambda function mounts and
    ``job_file_systems`` those of jobs, pairs of ARNs: file system and access point; jobs only read
    through ``read_only_access_points``.
    ``endpoint`` is the value of the tag of its HTTP endpoint, empty without one.
    ``failure_handler`` is the ARN of the function that handles failed invocations.
    """

    account: Account
    function: str
    inputs: tuple[BucketFolder, ...] = ()
    outputs: tuple[BucketFolder, ...] = ()
    reads: tuple[BucketFolder, ...] = ()
    secrets: tuple[str, ...] = ()
    queue: str = ""
    event_queue: str = ""
    other_queues: tuple[str, ...] = ()
    resubmits: bool = False
    cluster: bool = False
    kms_keys: tuple[tuple[str, str], ...] = ()
    in_vpc: bool = False
    file_systems: tuple[tuple[str, str], ...] = ()
    job_file_systems: tuple[tuple[str, str], ...] = ()
    read_only_access_points: frozenset[str] = frozenset()
    failure_handler: str = ""
    endpoint: str = ""

    @property
    def run_records(self) -> BucketFolder:
        """The folder of the function's run records in the state bucket."""
        return BucketFolder(names.state_bucket_name(self.account), f"runs/{self.function}/")

    @property
    def request_bodies(self) -> BucketFolder:
        """The folder of the bodies of HTTP requests that are too large for Lambda."""
        return BucketFolder(names.state_bucket_name(self.account), f"requests/{self.function}/")

    @property
    def request_results(self) -> BucketFolder:
        """The folder of the results that are too large for a response of Lambda."""
        return BucketFolder(names.state_bucket_name(self.account), f"results/{self.function}/")
