"""What the exit code of `pawl` says."""

from typing import Final

SUCCEEDED: Final = 0
"""Done; where a job was waited for, it succeeded."""
JOB_FAILED: Final = 1
UNWELL: Final = 1
"""The doctor found something that is wrong."""
REFUSED: Final = 2
"""The request was refused, or could not even be made."""
CANCELLED: Final = 3
UNREACHABLE: Final = 4
"""Nobody answers, or did in time."""
