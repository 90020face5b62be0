"""That waits are put beside those that they are compared with."""

from bench.report import Target
from bench.waits import Call, Wait, Waits, waited

PLAIN = Wait("plain", "plain", (10.0, 12.0, 11.0))
OURS = Wait("ours", "plain", (*(22.0,) * 98, 90.0, 99.0))
FOUND = Waits("toy", ("a toy",), (PLAIN, OURS), (Target("ours", 22, 20, "ms", at_most=True),))


def test_one_call_in_a_hundred_took_longer() -> None:
    assert (OURS.median, OURS.slow) == (22.0, 99.0)


def test_a_call_is_told_beside_the_one_it_is_compared_with() -> None:
    rows = [line.split() for line in FOUND.text().splitlines()]

    assert ["ours", "22.0", "99.0", "plain", "2.0", "100"] in rows


def test_what_takes_longer_than_it_may_is_not_met() -> None:
    assert "NOT MET  ours: 22 ms, wanted at most 20 ms" in FOUND.text()
    assert FOUND.document()["targets"][0]["met"] is False


def test_calls_take_turns() -> None:
    made: list[str] = []
    calls = [Call(name, lambda name=name: made.append(name), "a") for name in ("a", "b")]  # type: ignore[misc]

    first, second = waited(calls, rounds=2, seconds=1e-9)

    assert made[:2] == ["a", "b"]
    assert (first.name, second.name) == ("a", "b")
    assert len(first.millis) == made.count("a") - 1
