"""Find nodes of a multi-node job that are lost: each node renews its record, the main one reads it.

A process that is killed, for lack of memory for example, and an instance that is lost write no
failure, and AWS Batch ends the job for the main node only. As with claims, ages are measured by the
store's clock alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from supervisor.runs.node_records import FailedNode

if TYPE_CHECKING:
    from supervisor.invocation import Invocation
    from supervisor.runs.node_records import NodeRecords

# Seconds between two renewals of a node's record: a request each.
NODE_INTERVAL = 30.0
# A node is lost after three renewals, so that two may fail.
NODE_LEASE = 3 * NODE_INTERVAL
# At this age one renewal is missing: the node may be lost.
NODE_DOUBT = 1.5 * NODE_INTERVAL


@dataclass(slots=True, kw_only=True)
class NodeHeartbeat:
    """Writes the record of a node that is not the main one. Methods raise StorageError."""

    records: NodeRecords
    invocation: Invocation
    index: int
    address: str
    _etag: str = field(default="", init=False)

    def renew(self) -> None:
        """Write the record, again: its time shows that the node is alive."""
        self._write(has_ended=False)

    def end(self) -> None:
        """Record that the script of this node has succeeded: nothing is renewed any more."""
        self._write(has_ended=True)

    def _write(self, *, has_ended: bool) -> None:
        self._etag = self.records.write_node(
            self.invocation, self.index, self.address, has_ended=has_ended, etag=self._etag
        )


@dataclass(slots=True)
class NodeWatch:
    """Reads how long the other nodes have been silent."""

    records: NodeRecords
    _ended: set[int] = field(default_factory=set, init=False)

    def find_lost(self, index: int) -> FailedNode | None:
        """Return the failure of a node that is lost; raise StorageError, RecordError."""
        silence = self._read_silence(index)
        if silence <= NODE_LEASE:
            return None
        return FailedNode(
            index,
            "NodeLost",
            f"It is lost: it has not renewed its record for {silence:.0f} s. Its process was"
            " killed, for lack of memory for example, or its instance is gone.",
        )

    def is_doubtful(self, index: int) -> bool:
        """Return whether a node may be lost; raise StorageError, RecordError."""
        return self._read_silence(index) > NODE_DOUBT

    def _read_silence(self, index: int) -> float:
        """Return the seconds; 0 for a node that has ended well, or has not started yet."""
        state = None if index in self._ended else self.records.read_node(index)
        if state is None:
            return 0.0
        if state.has_ended:
            self._ended.add(index)
            return 0.0
        return state.silence
