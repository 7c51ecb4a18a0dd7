"""The base exceptions of scar; the command line prints them without a traceback.

ScarError                     exit 1: the work failed
├── FunctionError             exit with the status of the script that failed (scar.runs)
├── UsageError                exit 2: invalid arguments
├── InvalidFdlError           exit 3: the FDL file has problems (scar.fdl)
├── ConfigurationError        exit 4: credentials, Region, or an incomplete installation
├── OperationRefusedError     exit 5: AWS or the local cloud denied the request
└── WaitTimeoutError          exit 6: timed out
"""

from __future__ import annotations


class ScarError(Exception):
    """An error that the user can act on.

    ``problem`` names what is wrong and where, ``remedy`` what to do about it: full sentences.
    """

    exit_code: int = 1

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


class UsageError(ScarError):
    """The arguments are invalid, or do not fit together."""

    exit_code = 2


class ConfigurationError(ScarError):
    """Credentials, the Region, or a part of the installation is missing or invalid."""

    exit_code = 4


class OperationRefusedError(ScarError):
    """AWS or the local cloud denied the request."""

    exit_code = 5


class WaitTimeoutError(ScarError):
    """An operation did not complete in time."""

    exit_code = 6
