"""Makes the C allocator give back what it no longer needs."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_BLOCK = 128 * 1024


def compact() -> None:
    """To be called before there are threads.

    Each thread of gRPC gets a heap of its own otherwise, and blocks of up to 32 MiB are kept
    for later: a third of what fifty requests of 2 MiB leave behind. Does nothing where the C
    library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _BLOCK)
        mallopt(_TRIM_THRESHOLD, _BLOCK)
