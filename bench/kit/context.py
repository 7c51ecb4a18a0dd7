"""What the measurement of a row needs: sizes, folders, scar's command and the peers."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.kit.commands import Command, plain_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.kit.peers import Peers


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """``folder`` is for files of the benchmarks; ``quick``: fewer rounds and smaller sizes."""

    folder: Path
    peers: Peers
    quick: bool = False

    def choose(self, full: int, quick: int) -> int:
        """Return the number of rounds, or a size."""
        return quick if self.quick else full

    @contextmanager
    def subfolder(self, name: str) -> Iterator[Path]:
        """Make a new folder; delete it afterwards."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def scar(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Command:
        """Return a command of scar, as pip installs it beside the Python that runs this."""
        script = Path(sys.executable).with_name("scar")
        program = [str(script)] if script.exists() else [sys.executable, "-m", "scar"]
        return Command(
            arguments=(*program, *arguments),
            environment=plain_environment() if environment is None else environment,
            folder=folder or self.folder,
        )

    def command(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        timeout: float = 900.0,
    ) -> Command:
        """Return a command of another program, which shall not find modules of this repository."""
        given = plain_environment() if environment is None else environment
        return Command(
            arguments=arguments,
            environment={k: v for k, v in given.items() if k != "PYTHONPATH"},
            folder=folder or self.folder,
            timeout=timeout,
        )
