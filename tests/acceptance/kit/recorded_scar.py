"""``scar`` as its users have it, with a record of its API calls; run with ``python -m``.

The journal is named by ACCEPTANCE_JOURNAL. The call that identifies the account is made before
recording begins.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scar.cli.main import INTERRUPTED, reduce_garbage_collection, run
from scar.cli.services import Services
from tests.acceptance.kit.journal import Journal
from tests.acceptance.kit.recorder import CallRecorder

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.client.target import ConnectionTarget

JOURNAL_VARIABLE = "ACCEPTANCE_JOURNAL"


@dataclass(frozen=True)
class RecordedServices(Services):
    """The real services; connections record their API calls."""

    journal: Journal

    def connect(self, target: ConnectionTarget) -> AwsConnection:
        """Connect as ``scar`` does."""
        connection = super().connect(target)
        CallRecorder(self.journal, "scar").attach(connection.session)
        return connection


def main() -> None:
    """Run one command line of scar and exit as it does."""
    reduce_garbage_collection()
    journal = Journal(Path(os.environ[JOURNAL_VARIABLE]))
    status = run(sys.argv[1:], RecordedServices(os.environ, journal))
    sys.stdout.flush()
    sys.stderr.flush()
    if status == INTERRUPTED:
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
