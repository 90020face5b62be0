"""That figures are put beside what they are compared with."""

from bench.measure import Round, Series
from bench.report import Report, Target

ECHO = Series("echo", 8, (Round(900, 1.0, 0.9), Round(1000, 1.0, 1.0)))
OURS = Series("ours", 8, (Round(450, 1.0, 0.9), Round(500, 1.0, 0.8)))
MET = Target("calls", 500, 400, "calls/s")
MISSED = Target("of the echo", 0.5, 0.6, "share")
REPORT = Report("toy", ("a toy",), "echo", (ECHO, OURS), (MET, MISSED))


def test_the_best_round_counts() -> None:
    assert OURS.rate == 500
    assert OURS.cpu_rate == 625


def test_a_share_is_of_the_baseline_at_the_same_concurrency() -> None:
    assert REPORT.share(OURS) == (0.5, 0.625)


def test_targets_are_told_met_or_not() -> None:
    told = REPORT.text()

    assert "    met  calls: 500 calls/s, wanted 400 calls/s" in told
    assert "NOT MET  of the echo: 50%, wanted 60%" in told


def test_the_table_has_a_row_for_each_series() -> None:
    rows = [line.split() for line in REPORT.text().splitlines()]

    assert ["8", "ours", "500", "50%", "625", "62%", "90%", "475", "11%"] in rows


def test_a_baseline_that_waits_for_its_client_is_pointed_out() -> None:
    idle = Series("echo", 8, (Round(1000, 1.0, 0.5),))

    told = Report("toy", ("a toy",), "echo", (idle, OURS), ()).text()

    assert "The client was the limit" in told
    assert "The client was the limit" not in REPORT.text()


def test_the_document_holds_every_round() -> None:
    told = REPORT.document()

    assert told["series"][1]["rounds"] == [
        {"calls": 450, "seconds": 1.0, "cpu_seconds": 0.9},
        {"calls": 500, "seconds": 1.0, "cpu_seconds": 0.8},
    ]
    assert [target["met"] for target in told["targets"]] == [True, False]
