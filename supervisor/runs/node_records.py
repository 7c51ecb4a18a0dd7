"""What the nodes of a multi-node job tell each other, in the folder of the run's record.

Objects of one attempt of a job, which a second job or attempt of the run does not find:
``node-<job>-<attempt>-<n>`` (the address and the log of node n, and whether it has ended),
``hosts-<job>-<attempt>`` (the addresses of all nodes, by the main node),
``node-failed-<job>-<attempt>`` (the first other node that failed). S3 is strongly consistent, so a
node that reads after a write finds it.

To start, a job of n nodes writes n objects and reads about 2 n, and each node that waits reads one
object per interval: the main node reads that of the next node only, the others read that of the
main node. ``node_heartbeats`` renews and reads the records afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import RecordError
from supervisor.runs import record_format
from supervisor.runs.record_objects import RecordObjects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from supervisor.invocation import Invocation, RunPath
    from supervisor.model import StoredObject
    from supervisor.ports import ObjectStore

NODE_PREFIX = "node-"
FAILED_PREFIX = "node-failed-"


def is_of_node(name: str) -> bool:
    """Return whether a record of a run is that of one node: its address and its log."""
    return name.startswith(NODE_PREFIX) and not is_of_failure(name)


def node_of(name: str) -> int:
    """Return the number of the node that a record is of."""
    number = name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1


def is_of_failure(name: str) -> bool:
    """Return whether a record of a run says which node failed."""
    return name.startswith(FAILED_PREFIX)


@dataclass(frozen=True, slots=True)
class FailedNode:
    """Which node failed, and why: error class and sentence."""

    index: int
    kind: str
    problem: str

    def __str__(self) -> str:
        return f"Node {self.index} failed: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """What the record of a node says about it.

    ``silence``: seconds since the record was written, by the store's clock; 0 if it has none.
    """

    address: str
    has_ended: bool
    silence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecords:
    """The records of one attempt of a multi-node job. Methods raise StorageError, RecordError."""

    store: ObjectStore
    bucket: str
    run: RunPath
    job: str
    attempt: int

    def write_node(
        self,
        invocation: Invocation,
        index: int,
        address: str,
        *,
        has_ended: bool = False,
        etag: str = "",
    ) -> str:
        """Record that a node is alive, or has ended well; with its address and where its log is.

        ``etag`` is that of its last record, if there is one. Return that of the new one.
        """
        data: dict[str, object] = {"address": address, **invocation.log_location}
        if has_ended:
            data["ended"] = True
        body = record_format.encode(data)
        return self._objects.overwrite(self._node_name(index), body, etag).etag

    def read_node(self, index: int) -> NodeState | None:
        """Return the state of a node, None before it has started."""
        found = self._objects.read(self._node_name(index))
        if found is None:
            return None
        content, stored = found
        silence = stored.response_date - stored.last_modified if stored.last_modified > 0 else 0.0
        return NodeState(
            address=str(content.get("address", "")),
            has_ended=content.get("ended") is True,
            silence=silence,
        )

    def read_address(self, index: int) -> str:
        """Return the address of a node, empty before it has started."""
        found = self.read_node(index)
        return "" if found is None else found.address

    def write_hosts(self, addresses: Sequence[str]) -> None:
        self._write(self._hosts_name, {"hosts": [*addresses]})

    def read_hosts(self) -> tuple[str, ...]:
        """Return the addresses of all nodes, none before the main node has written them."""
        found = self._read(self._hosts_name)
        if found is None:
            return ()
        hosts = found.get("hosts")
        if not isinstance(hosts, list):
            key = self._objects.ref(self._hosts_name).key
            raise RecordError(
                f"The run record {key} has no list of addresses.",
                remedy="`scar retry` starts the run again.",
            )
        return tuple(map(str, hosts))

    def write_failure(self, failed: FailedNode) -> None:
        """Record that a node has failed, unless another one was first: that is the cause."""
        data = {"index": failed.index, "kind": failed.kind, "problem": failed.problem}
        self._write(self._failed_name, data)

    def read_failure(self) -> FailedNode | None:
        """Return the first node that failed, or None."""
        found = self._read(self._failed_name)
        if found is None:
            return None
        index = found.get("index")
        return FailedNode(
            index if isinstance(index, int) else -1,
            str(found.get("kind", "")),
            str(found.get("problem", "")),
        )

    def find_claim(self) -> StoredObject | None:
        """Return the properties of the main node's claim, or None before it has claimed the run."""
        return self._objects.head(record_format.CLAIM)

    @property
    def _hosts_name(self) -> str:
        return f"hosts-{self.job}-{self.attempt}"

    @property
    def _failed_name(self) -> str:
        return f"{FAILED_PREFIX}{self.job}-{self.attempt}"

    def _node_name(self, index: int) -> str:
        return f"{NODE_PREFIX}{self.job}-{self.attempt}-{index}"

    @property
    def _objects(self) -> RecordObjects:
        return RecordObjects(self.store, self.bucket, self.run)

    def _write(self, name: str, data: dict[str, object]) -> None:
        """Write a record that exists once."""
        self._objects.write_once(name, record_format.encode(data))

    def _read(self, name: str) -> dict[str, object] | None:
        found = self._objects.read(name)
        return None if found is None else found[0]
