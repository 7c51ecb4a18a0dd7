"""One call of the command line: where it talks to, and how it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.cli.output import Terminal
from scar.errors import ConfigurationError

if TYPE_CHECKING:
    from scar.aws.connection import Connection
    from scar.cli.services import World
    from scar.fdl.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the user says about where to talk to; empty values are left to the SDK."""

    local: bool = False
    region: str = ""
    profile: str = ""
    endpoint_url: str = ""


@dataclass(slots=True, kw_only=True)
class Session:
    """What all commands share. Options before and after the verb fill it, the latter winning."""

    world: World
    local: bool = False
    region: str = ""
    profile: str = ""
    endpoint_url: str = ""
    stage: str = ""
    debug: bool = False
    json: bool = False
    terminal: Terminal = field(default_factory=Terminal)
    _settings: Settings | None = field(default=None, init=False, repr=False)

    @property
    def settings(self) -> Settings:
        """What configuration files and the environment say; read once, notes told."""
        if self._settings is None:
            from scar.fdl.settings import read

            self._settings = read(self.world.environment, self.stage)
            for note in self._settings.notes:
                self.terminal.say(note)
        return self._settings

    def connect(self, *, region: str = "", profile: str = "") -> Connection:
        """Connect, and say where to, before anything else; arguments are an FDL file's wishes.

        The command line goes over SCAR_REGION and SCAR_PROFILE, these over the file, the file
        over configuration files; what none of them says is the SDK's to know. Only the command
        line says where in the local cloud.
        """
        connection = self.world.connect(self.target(region=region, profile=profile))
        self.terminal.say(connection.description)
        expected = "" if self.local else self.settings.account_id
        if expected and connection.account.id != expected:
            raise ConfigurationError(
                f"These credentials are of account {connection.account.id}; the configuration"
                f" names {expected}.",
                remedy="Give another --profile or --stage, or correct account_id.",
            )
        return connection

    def target(self, *, region: str = "", profile: str = "") -> Target:
        if self.local:
            return Target(
                local=True,
                region=self.region,
                profile=self.profile,
                endpoint_url=self.endpoint_url,
            )
        environment, settings = self.world.environment, self.settings
        return Target(
            region=self.region or environment.get("SCAR_REGION") or region or settings.region,
            profile=self.profile or environment.get("SCAR_PROFILE") or profile or settings.profile,
            endpoint_url=self.endpoint_url or settings.endpoint_url,
        )
