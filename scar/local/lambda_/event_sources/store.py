"""The event source mappings, in the database of the messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.local.lambda_.event_sources.mapping import EventSourceMapping

if TYPE_CHECKING:
    from scar.local.sqs.store import MessageStore


class MappingStore:
    """Mappings survive a restart; ``messages`` has the database."""

    def __init__(self, messages: MessageStore) -> None:
        self._messages = messages

    def list(self) -> list[EventSourceMapping]:
        """Return all mappings, in a reproducible order."""
        with self._messages.lock:
            rows = self._messages.database.execute(
                "SELECT document FROM event_source ORDER BY uuid"
            ).fetchall()
        return [EventSourceMapping(**json.loads(document)) for (document,) in rows]

    def get(self, uuid: str) -> EventSourceMapping | None:
        return next((mapping for mapping in self.list() if mapping.uuid == uuid), None)

    def put(self, mapping: EventSourceMapping) -> None:
        """Store a mapping, or replace it."""
        with self._messages.lock:
            self._messages.database.execute(
                "INSERT OR REPLACE INTO event_source (uuid, document) VALUES (?, ?)",
                (mapping.uuid, json.dumps(mapping.to_document())),
            )

    def delete(self, uuid: str) -> None:
        with self._messages.lock:
            self._messages.database.execute("DELETE FROM event_source WHERE uuid = ?", (uuid,))
