"""One call of the command line: where it talks to, and how it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.cli.render import Terminal

if TYPE_CHECKING:
    from scar.aws.connection import Connection
    from scar.cli.world import World


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
    debug: bool = False
    json: bool = False
    terminal: Terminal = field(default_factory=Terminal)

    def connect(self, *, region: str = "", profile: str = "") -> Connection:
        """Connect, and say where to, before anything else; arguments are an FDL file's wishes."""
        target = Target(
            local=self.local,
            region=self.region or ("" if self.local else region),
            profile=self.profile or profile,
            endpoint_url=self.endpoint_url,
        )
        connection = self.world.connect(target)
        self.terminal.say(connection.description)
        return connection
