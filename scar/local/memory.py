"""Keeps the memory of the idle server small: what was imported once is neither garbage nor moved.

The first call of each AWS service imports moto's modules and botocore's models: many cycles, and
buffers of ten times the size of what stays. Python gives that back only on request.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_BUSY_SECONDS = 0.2  # of CPU time between two calls
_M_ARENA_MAX = -8  # mallopt(3)
_ARENAS = 2


class MemoryKeeper:
    """Gives memory back after imports; ``release`` is called every now and then.

    ``cpu_seconds`` is the CPU time of this process.
    """

    def __init__(self, cpu_seconds: Callable[[], float] = time.process_time) -> None:
        self._cpu_seconds = cpu_seconds
        self._used = cpu_seconds()
        self._libc = ctypes.CDLL(None)
        self._modules = 0
        self._waits = False
        # Each of many threads would have a heap of its own, which grows and never shrinks.
        if hasattr(self._libc, "mallopt"):  # glibc
            self._libc.mallopt(_M_ARENA_MAX, _ARENAS)

    def release(self) -> bool:
        """Release memory if modules were imported, but none since the last call; return that.

        Not while the server works: the collection stops all threads for a third of a second.
        """
        before, self._used = self._used, self._cpu_seconds()
        modules = len(sys.modules)
        grown, self._modules = modules != self._modules, modules
        if grown:
            self._waits = True
            return False
        if not self._waits or self._used - before > _BUSY_SECONDS:
            return False
        self._waits = False
        gc.unfreeze()
        gc.collect()
        # Later collections need not look at what was imported: most of all objects.
        gc.freeze()
        if hasattr(self._libc, "malloc_trim"):  # glibc
            self._libc.malloc_trim(0)
        return True
