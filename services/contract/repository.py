"""Which repositories a deployment takes."""

from pawl.hosts import Denied
from pawl.repositories import among, host_rules, spelled
from services.contract.values import Deployment

__all__ = ["Denied", "canonical"]


def canonical(address: str, deployment: Deployment) -> str:
    """The one spelling of a trimmed address, see `pawl.repositories`. Raises Denied."""
    forge_url = deployment.forge_url
    spelling = spelled(address, local=deployment.allow_local_repositories, forge_url=forge_url)
    if spelling.host:
        host_rules(
            spelling.scheme,
            spelling.host,
            spelling.port,
            rules=deployment.hosts,
            forge_url=forge_url,
        ).judge(spelling.host)
    among(spelling.text, deployment.allowed_repositories)
    return spelling.text
