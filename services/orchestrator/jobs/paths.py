"""What artifacts are called."""

RECEIPT = "receipts/cancel.json"

JOB_PATHS = (
    "logs/prepare.log",
    "logs/execute.log",
    "logs/publish.log",
    "patches/changes.patch",
    RECEIPT,
)
"""Those of a job as a whole, which every life of it writes anew."""


def step_paths(index: int) -> tuple[str, ...]:
    """Those of one step, whether it left them or not."""
    name = f"step-{index:04}"
    return (
        f"logs/steps/{name}.log",
        f"logs/steps/{name}.jsonl",
        f"logs/steps/{name}.activity.jsonl",
        f"patches/steps/{name}.patch",
        f"patches/steps/{name}.partial.patch",
        f"git/steps/{name}.pack",
    )


def under_attempt(attempt: int, path: str) -> str:
    """Where an earlier attempt's artifact is, once the plain path is another's."""
    return f"attempts/{attempt}/{path}"
