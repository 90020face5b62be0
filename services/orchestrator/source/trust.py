"""Which hosts may be sent a secret that a task names."""

from dataclasses import dataclass, field

from pawl.hosts import HostRules, loopback
from services.orchestrator.source.location import Location, lies_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The hosts an operator has named.

    Whoever may submit a task chooses the secret and the repository's host; were every host good
    enough, the one could be had by way of the other.
    """

    forge_url: str
    rules: HostRules = field(default_factory=HostRules)

    def __call__(self, location: Location) -> bool:
        """Whether the host is the forge's, in a list of hosts, or this machine where allowed."""
        host = f"[{location.host}]" if ":" in location.host else location.host
        named = host in self.rules.allowed or host in self.rules.private
        here = self.rules.local and loopback(host)
        return lies_on(location, self.forge_url) or named or here
