"""Which branches a job starts from, works on, asks to be merged into."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """The branches of one job, by their names without ``refs/heads/``."""

    default: str
    starting: str
    """Where the base commit is taken from."""
    working: str
    """Where the result is pushed to."""

    @property
    def continues(self) -> bool:
        """The result is pushed onto the branch the job started from.

        The push then expects that branch to be at the base commit; in every other case it
        expects the working branch not to exist.
        """
        return self.working == self.starting

    def pull_request_base(self, wished: str | None) -> str | None:
        """The branch a pull request is to be merged into; `wished` is the task's `prBaseBranch`.

        None where that would be the working branch itself, which no forge accepts.
        """
        candidate = wished or (self.default if self.continues else self.starting)
        return None if candidate == self.working else candidate


def resolve(
    *,
    default: str,
    starting: str | None,
    new: str | None,
    job_id: str,
    create_time: datetime,
) -> Branches:
    """The branches of a job; `starting` and `new` are the task's, `create_time` the job's."""
    start = starting or default
    if new:
        working = new
    elif start != default:
        working = start
    else:
        working = generated(job_id, create_time)
    return Branches(default=default, starting=start, working=working)


def generated(job_id: str, create_time: datetime) -> str:
    """The working branch of a task that names none; the same for every attempt of a job."""
    if create_time.tzinfo is None:
        raise ValueError("create_time needs a time zone")
    day = create_time.astimezone(UTC).strftime("%Y%m%d")
    return f"task/{day}/{job_id.replace('-', '')[-8:]}"
