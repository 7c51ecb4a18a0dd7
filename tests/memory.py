"""Limits glibc's heaps: tests move objects of many MiB through threads."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # <malloc.h>
THRESHOLD = 256 << 10  # bytes


def limit_heaps() -> None:
    """Let glibc use one heap for all threads and return large blocks to the system.

    By default it keeps a heap per thread and reuses large blocks: 200 MiB after the tests of S3
    alone. Processes that tests start keep the defaults. Other C libraries do not have the call.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_ARENA_MAX, 1)
        set_option(_M_MMAP_THRESHOLD, THRESHOLD)
