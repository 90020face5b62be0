"""Moments of this machine's clock, as callers are told them and echo them."""

import re
import time
from typing import NewType

Moment = NewType("Moment", float)
"""Seconds of the monotonic clock, which all processes of a machine share between two boots."""

_TOKEN = re.compile(r"\d{1,12}\.\d{3}")


def now() -> Moment:
    """Returns this moment."""
    return Moment(time.monotonic())


def token() -> str:
    """Returns this moment as callers get it: opaque to them."""
    return f"{now():.3f}"


def told(text: str) -> Moment | None:
    """Returns the moment a caller echoes, or None where `text` is no token.

    One that lies ahead is of a clock that began anew since, and counts as this moment.
    """
    if not _TOKEN.fullmatch(text):
        return None
    return Moment(min(float(text), now()))
