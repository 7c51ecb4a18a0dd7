"""Everything scar raises on purpose; the command line prints it without a traceback.

ScarError                 exit 1: the work failed
├── UsageError            exit 2: the command line asks for something that cannot be
├── InvalidFDL            exit 3: the FDL file has faults (scar.fdl)
├── ConfigurationError    exit 4: credentials, region, a missing part of the installation
├── Refused               exit 5: AWS, or what stands for it, said no
└── StillWaiting          exit 6: waited too long
"""

from __future__ import annotations

from typing import ClassVar


class ScarError(Exception):
    """A problem the user can act on: what is wrong (and where), and what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class UsageError(ScarError):
    """The command line asks for something that cannot be."""

    exit_code = 2


class ConfigurationError(ScarError):
    """Credentials, region, or a part of the installation is missing or unusable."""

    exit_code = 4


class OperationRefusedError(ScarError):
    """AWS, or what stands for it, said no."""

    exit_code = 5


class WaitTimeoutError(ScarError):
    """What was waited for did not come in time."""

    exit_code = 6
