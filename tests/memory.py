"""A worker gives memory back to the system: tests move objects of many MiB through threads."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # <malloc.h>
THRESHOLD = 256 << 10  # bytes


def give_back() -> None:
    """Let glibc keep one heap for all threads, and none of what is large.

    By itself it keeps a heap for each of many threads, and large blocks for the next ones: 200 MiB
    after the tests of S3 alone. Processes that tests start are as in use. Other C libraries do not
    have the call.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_ARENA_MAX, 1)
        set_option(_M_MMAP_THRESHOLD, THRESHOLD)
