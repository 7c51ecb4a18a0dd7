"""Show the progress and the result of an upload or a download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.cli.formatting import format_count, format_size

if TYPE_CHECKING:
    from scar.cli.session import Session
    from scar.transfer.local_files import TransferTotals
    from scar.transfer.put import TransferredObject


class TransferProgress:
    """Counts transferred files; ``verb`` begins its lines: ``Uploaded`` or ``Downloaded``."""

    def __init__(self, session: Session, verb: str) -> None:
        self.session = session
        self.verb = verb
        self.files = self.size = 0

    def add(self, file: TransferredObject) -> None:
        """Count a file and update the progress line."""
        self.files += 1
        self.size += file.size
        self.session.terminal.show_progress(
            f"{self.verb} {format_count(self.files, 'file')}, {format_size(self.size)}"
        )

    def finish(self, totals: TransferTotals, where: str) -> None:
        """Write the totals: to stderr, with JSON output also to stdout."""
        if self.session.json:
            self.session.terminal.write_json({"files": totals.files, "bytes": totals.size})
        self.session.terminal.write_message(
            f"{self.verb} {format_count(totals.files, 'file')}, {format_size(totals.size)} {where}"
        )
