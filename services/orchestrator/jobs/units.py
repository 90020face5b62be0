"""Says how much was used: a dash for what is unknown, never a zero."""

from datetime import timedelta

UNKNOWN = "-"


def amount(number: int | None) -> str:
    """A count, its thousands apart."""
    return UNKNOWN if number is None else f"{number:,}"


def cost(dollars: float | None) -> str:
    """US dollars, small sums more exactly; without the sign, which begins a formula in Markdown."""
    if dollars is None:
        return UNKNOWN
    return f"{dollars:,.2f}" if dollars == 0 or dollars >= 0.1 else f"{dollars:.4f}"


def length(duration: timedelta | None) -> str:
    """A duration in its two largest units, on one line whatever the width of a cell."""
    if duration is None:
        return UNKNOWN
    seconds = max(0, round(duration.total_seconds()))
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        said = f"{hours} h {minutes} min"
    elif minutes:
        said = f"{minutes} min {seconds % 60} s"
    else:
        said = f"{seconds} s"
    return said.replace(" ", "\N{NO-BREAK SPACE}")
