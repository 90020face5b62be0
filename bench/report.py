"""What a benchmark found, for people or for machines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.measure import Series


@dataclass(frozen=True)
class Target:
    """A number to hold, beside the one found."""

    what: str
    found: float
    wanted: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether as much was found as is wanted."""
        return self.found >= self.wanted


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


HEADINGS = (
    "callers", "subject", "calls/s", "share", "per cpu s", "share", "busy", "median", "spread",
)  # fmt: skip

BUSY = 0.9
"""A server whose core works less than this under full load waits for its client."""


def text(report: Report) -> str:
    """A table, then each target with whether it is met."""
    rows: list[Sequence[str]] = [HEADINGS]
    for one in report.series:
        by_clock, by_cpu = report.share(one)
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
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [f"{report.name}: {report.notes[0]}", *report.notes[1:], ""]
    for row in rows:
        cells = [
            cell.ljust(width) if column == 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells))
    lines.append("")
    full = max(one.concurrency for one in report.series)
    if report.of(report.baseline, full).busy < BUSY:
        lines.append("The client was the limit: believe what is by cpu time, not by the clock.")
    for target in report.targets:
        verdict = "met" if target.met else "NOT MET"
        lines.append(
            f"{verdict:>7}  {target.what}: {_number(target.found, target.unit)}, "
            f"wanted {_number(target.wanted, target.unit)}"
        )
    return "\n".join(lines)


def document(report: Report) -> dict[str, Any]:
    """The same as a JSON document, with every round in it."""
    series = []
    for one in report.series:
        by_clock, by_cpu = report.share(one)
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
        "name": report.name,
        "notes": list(report.notes),
        "baseline": report.baseline,
        "series": series,
        "targets": [{**asdict(target), "met": target.met} for target in report.targets],
    }


def _number(value: float, unit: str) -> str:
    return f"{value:.0%}" if unit == "share" else f"{value:,.0f} {unit}"
