"""What a benchmark found, for people or for machines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.measure import Series

HEADINGS = (
    "callers", "subject", "calls/s", "share", "per cpu s", "share", "busy", "median", "spread",
)  # fmt: skip

BUSY = 0.9
"""A server whose core works less than this under full load waits for its client."""


@dataclass(frozen=True)
class Target:
    """A number to hold, beside the one found."""

    what: str
    found: float
    wanted: float
    unit: str

    at_most: bool = False
    """Whether more than is wanted would be too much."""

    @property
    def met(self) -> bool:
        """Whether as much was found as is wanted."""
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted

    def __str__(self) -> str:
        verdict = "met" if self.met else "NOT MET"
        return (
            f"{verdict:>7}  {self.what}: {_number(self.found, self.unit)}, "
            f"wanted {'at most ' if self.at_most else ''}{_number(self.wanted, self.unit)}"
        )


@dataclass(frozen=True)
class Report:
    """The figures of one benchmark."""

    name: str
    notes: tuple[str, ...]
    """What the figures depend on, a line each."""
    baseline: str
    """The subject that the others are shares of."""
    series: tuple[Series, ...]
    targets: tuple[Target, ...]

    def share(self, series: Series) -> tuple[float, float]:
        """What a series reaches of the baseline's, by the clock and by processor time."""
        beside = self.of(self.baseline, series.concurrency)
        return series.rate / beside.rate, series.cpu_rate / beside.cpu_rate

    def of(self, subject: str, concurrency: int) -> Series:
        """One subject's series."""
        return next(
            one for one in self.series if one.subject == subject and one.concurrency == concurrency
        )

    def text(self) -> str:
        """A table, then each target with whether it is met."""
        rows: list[Sequence[str]] = [HEADINGS]
        for one in self.series:
            by_clock, by_cpu = self.share(one)
            rows.append(
                (
                    str(one.concurrency),
                    one.subject,
                    f"{one.rate:,.0f}",
                    f"{by_clock:.0%}",
                    f"{one.cpu_rate:,.0f}",
                    f"{by_cpu:.0%}",
                    f"{one.busy:.0%}",
                    f"{one.median:,.0f}",
                    f"{one.spread:.0%}",
                )
            )
        lines = [f"{self.name}: {self.notes[0]}", *self.notes[1:], "", *table(rows, left=1), ""]
        full = max(one.concurrency for one in self.series)
        if self.of(self.baseline, full).busy < BUSY:
            lines.append("The client was the limit: believe what is by cpu time, not by the clock.")
        lines += map(str, self.targets)
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """The same as a JSON document, with every round in it."""
        series = []
        for one in self.series:
            by_clock, by_cpu = self.share(one)
            series.append(
                {
                    "subject": one.subject,
                    "concurrency": one.concurrency,
                    "callsPerSecond": one.rate,
                    "callsPerCpuSecond": one.cpu_rate,
                    "share": by_clock,
                    "cpuShare": by_cpu,
                    "busy": one.busy,
                    "median": one.median,
                    "spread": one.spread,
                    "rounds": [asdict(each) for each in one.rounds],
                }
            )
        return {
            "name": self.name,
            "notes": list(self.notes),
            "baseline": self.baseline,
            "series": series,
            "targets": [{**asdict(target), "met": target.met} for target in self.targets],
        }


def table(rows: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """Lines with the cells of a column below each other; those of column `left` begin there."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _number(value: float, unit: str) -> str:
    return f"{value:.0%}" if unit == "share" else f"{value:,.0f} {unit}"
