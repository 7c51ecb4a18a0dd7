"""Format of a cluster's objects in the state bucket: its specification, and one record per member.

Members are the jobs of a cluster: one scheduler at most, and workers. They are no runs, so their
records have other keys, one folder deeper than those of runs:
``runs/<function>/clusters/<cluster>/files/spec.json`` and ``…/members/<member>.json``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import RecordError
from supervisor.runs import record_format

if TYPE_CHECKING:
    from supervisor.invocation import RunOwner

CLUSTERS = "clusters"
SCHEDULER, WORKER = "scheduler", "worker"
# States of a member: how its process ended, or that it has not.
RUNNING, ENDED, FAILED = "running", "ended", "failed"
# The variables of a member's job: where the specification is, which member it is, and the name that
# dask shows. The id is unique for each submission, also of workers that replace one of their name.
URL_VARIABLE, ID_VARIABLE, NAME_VARIABLE = "SCAR_WORKER_URL", "SCAR_WORKER_ID", "SCAR_WORKER_NAME"

CLUSTER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_MEMBER_ID = re.compile(r"[A-Za-z0-9-]{1,60}")
_TEXTS = ("scheduler", "authority", "certificate", "key", "job_vcpus")
_NUMBERS = ("threads", "memory", "death_timeout", "idle_timeout", "job_memory")
_SPEC_KEY = re.compile(
    rf"runs/(?P<function>[^/]+)/{CLUSTERS}/(?P<cluster>{CLUSTER_NAME.pattern})/files/spec\.json"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPath:
    """The folder of a cluster in the state bucket."""

    function: str
    cluster: str

    @property
    def folder(self) -> str:
        return f"runs/{self.function}/{CLUSTERS}/{self.cluster}/"

    @property
    def spec_key(self) -> str:
        return f"{self.folder}files/spec.json"

    def member_key(self, member: str) -> str:
        return f"{self.folder}members/{member}.json"


def parse_spec_key(key: str) -> ClusterPath | None:
    """Return the cluster of a specification's key; None for any other key."""
    found = _SPEC_KEY.fullmatch(key)
    return ClusterPath(function=found["function"], cluster=found["cluster"]) if found else None


def is_member_id(text: str) -> bool:
    """Return whether the text can be a part of a member's key."""
    return _MEMBER_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """What the jobs of a cluster have in common; times in seconds, ``memory`` in MiB.

    ``scheduler`` is the address of a scheduler that is no job; empty: it is in the scheduler's
    record. ``certificate`` and ``key`` are the only ones of the cluster, and ``authority`` signs
    them: all PEM. ``death_timeout``: for how long a worker looks for the scheduler;
    ``idle_timeout``: after which time without work the scheduler ends the cluster, 0 for never.
    ``job_vcpus`` and ``job_memory`` are requested for workers in place of the job definition's,
    unless they are empty and 0.
    """

    scheduler: str = ""
    authority: str
    certificate: str
    key: str
    threads: int = 1
    memory: int = 0
    death_timeout: int = 60
    idle_timeout: int = 0
    job_vcpus: str = ""
    job_memory: int = 0

    def encode(self) -> bytes:
        fields = {name: getattr(self, name) for name in self.__slots__}
        return record_format.encode({"kind": "cluster", **fields})


def parse_spec(data: bytes, key: str) -> ClusterSpec:
    """Parse a specification; raise RecordError."""
    record = record_format.decode(data, key)
    try:
        texts = {name: str(record[name]) for name in _TEXTS}
        numbers = {name: int(str(record[name])) for name in _NUMBERS}
    except (KeyError, ValueError) as error:
        raise RecordError(
            f"The cluster's specification {key} is damaged: {error!r}.",
            remedy="Stop the cluster with `scar cluster stop`, and start another one.",
        ) from error
    return ClusterSpec(**texts, **numbers)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRecord:
    """A member's record: ``kind`` is ``scheduler`` or ``worker``, ``address`` the scheduler's."""

    kind: str
    owner: RunOwner
    state: str = RUNNING
    address: str = ""
    log_group: str = ""
    log_stream: str = ""
    problem: str = ""
    remedy: str = ""

    def encode(self) -> bytes:
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "owner"}
        return record_format.encode({**fields, "owner": record_format.owner_to_json(self.owner)})


def parse_member(data: bytes, key: str) -> MemberRecord:
    """Parse a member's record; raise RecordError."""
    record = record_format.decode(data, key)
    names = [name for name in MemberRecord.__slots__ if name != "owner"]
    return MemberRecord(
        owner=record_format.parse_owner(record, key),
        **{name: str(record.get(name, "")) for name in names},
    )
