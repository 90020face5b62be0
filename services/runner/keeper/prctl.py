"""Sets what the kernel lets a process say of itself."""

import ctypes

DUMPABLE = 4
CHILD_SUBREAPER = 36


def set_option(option: int, value: int) -> None:
    """Raises OSError where it is refused."""
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) was refused")


_LIBC = ctypes.CDLL(None, use_errno=True)
