"""What the domain asks of a store, part by part.

Two doors lead to a job. Whoever holds a claim writes through `Driving`: every
method takes the claim, and the first statement of its transaction updates the
job row where id, epoch and owner are the claim's and the state is RUNNING; no
row means `LeaseLost`, and nothing was written. Everybody else writes through
`Accepting`, whose first statement is predicated on the job's state. Both
allocate the numbers of their events in that same statement, so that sequences
have no gap and follow the order of commits.
"""

from typing import Protocol

from services.orchestrator.jobs.accepting import Accepting
from services.orchestrator.jobs.claiming import Claiming
from services.orchestrator.jobs.driving import Driving
from services.orchestrator.jobs.reading import Reading
from services.orchestrator.jobs.reconciling import Reconciling
from services.orchestrator.jobs.retention import Retaining


class Store(Reading, Accepting, Claiming, Driving, Retaining, Reconciling, Protocol):
    """All of it, in one database."""
