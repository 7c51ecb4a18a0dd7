"""The state of one command line: its global options, settings and terminal."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.client.target import ConnectionTarget
from scar.cli.output import Terminal
from scar.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from scar.aws.client.connection import AwsConnection
    from scar.aws.client.waiter import CancelToken
    from scar.cli.services import Services
    from scar.fdl.settings import UserSettings


@dataclass(slots=True, kw_only=True)
class Session:
    """What every command receives: services, global options and the terminal.

    ``scar.cli.options`` sets the fields of the same names from options before and after the
    command's name; the later one wins.
    """

    services: Services
    local: bool = False
    region: str = ""
    profile: str = ""
    endpoint_url: str = ""
    stage: str = ""
    sse: str = ""
    sse_kms_key_id: str = ""
    debug: bool = False
    json: bool = False
    skip_destination_validation: bool = False
    terminal: Terminal = field(default_factory=Terminal)
    _settings: UserSettings | None = field(default=None, init=False, repr=False)
    _written_notes: set[str] = field(default_factory=set, init=False, repr=False)

    @property
    def settings(self) -> UserSettings:
        """The configuration files and environment variables; read once.

        Every command reads them, for the Region and the profile. Their ``notes`` are about values
        of functions: commands that use these write them.
        """
        if self._settings is None:
            from scar.fdl.settings import read_settings

            self._settings = read_settings(self.services.environment, self.stage)
        return self._settings

    def write_notes(self, notes: Iterable[str]) -> None:
        """Write each note to stderr, once in a command that reads the same file twice."""
        for note in notes:
            if note not in self._written_notes:
                self._written_notes.add(note)
                self.terminal.write_message(note)

    @property
    def encryption(self) -> tuple[str, str]:
        """The encryption to request for objects, and its KMS key; empty: none.

        ``--sse``, else ``lambda.sse`` of the environment and the configuration. FDL files take
        precedence over both. Raise UsageError and ConfigurationError.
        """
        if not self.sse and not self.sse_kms_key_id:
            return self.settings.encryption
        if self.sse_kms_key_id and not self.sse.startswith("aws:kms"):
            raise UsageError(
                "--sse-kms-key-id has no effect without a KMS algorithm.",
                remedy="Add --sse aws:kms.",
            )
        return self.sse, self.sse_kms_key_id

    def connect(self, *, region: str = "", profile: str = "") -> AwsConnection:
        """Connect and write to stderr where to; the arguments are values of an FDL file.

        Raise ConfigurationError if the credentials belong to another account than the one that
        is configured.
        """
        target = self.connection_target(region=region, profile=profile)
        connection = self.services.connect(target)
        connection.skip_destination_validation = self.skip_destination_validation
        connection.waits.report = self.terminal.write_message
        _cancel_on_interrupt(connection.waits.cancel_token)
        self.terminal.write_message(connection.description)
        connection.encryption = self.encryption
        expected = "" if self.local else self.settings.account_id
        if expected and connection.account.id != expected:
            raise ConfigurationError(
                f"The credentials belong to AWS account {connection.account.id}, but the"
                f" configuration sets account_id {expected}.",
                remedy="Choose another --profile or --stage, or correct account_id.",
            )
        return connection

    def connection_target(self, *, region: str = "", profile: str = "") -> ConnectionTarget:
        """Return where to connect; the arguments are values of an FDL file.

        Precedence: command line, SCAR_REGION and SCAR_PROFILE, FDL file, configuration files,
        AWS SDK.
        """
        if self.local:
            # Regions and profiles of the environment and of files are meant for AWS. The local
            # cloud has a Region of its own; only the command line overrides it.
            return ConnectionTarget(
                local=True,
                region=self.region,
                profile=self.profile,
                endpoint_url=self.endpoint_url,
            )
        environment, settings = self.services.environment, self.settings
        return ConnectionTarget(
            region=self.region or environment.get("SCAR_REGION") or region or settings.region,
            profile=self.profile or environment.get("SCAR_PROFILE") or profile or settings.profile,
            endpoint_url=self.endpoint_url or settings.endpoint_url,
        )


def _cancel_on_interrupt(token: CancelToken) -> None:
    """Make Ctrl-C end the waits of all threads, not only what the main thread does.

    The main thread joins its threads before the command ends; a wait inside an API call may have
    minutes left.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return

    def cancel_and_interrupt(number: int, frame: FrameType | None) -> None:
        token.cancel()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, cancel_and_interrupt)
