"""How the forge of a run of publishes treats requests, and how soon things happen there."""

PACE = 0.05
"""A request is given 3 s to settle, instead of a minute."""
STALE_SECONDS = 8 * PACE
WEIGHTS = {
    "done_unanswered": 10.0,
    "server_error": 7.0,
    "html": 2.0,
    "stale": 5.0,
    "lost": 2.0,
    "script_link": 2.0,
    "rate_limited": 1.0,
    "secondary_limit": 0.5,
    "huge": 0.5,
    "redirect": 0.5,
    "unauthorized": 0.5,
    "forbidden": 0.2,
    "not_found": 0.2,
    "invalid": 0.2,
}
"""Of a hundred answers of the forge's; the rest are faithful."""
LATE = 10.0
"""Of a hundred, where pull requests are not unique: without these nothing is opened twice."""
LATE_SECONDS = 400 * PACE
"""Longer than a request is given to settle, and than an owner then takes to look."""


def weights(*, unique: bool) -> dict[str, float]:
    """By manner, of a hundred answers."""
    told = WEIGHTS if unique else {**WEIGHTS, "done_late": LATE}
    return {"faithful": 100 - sum(told.values()), **told}
