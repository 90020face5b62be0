"""A task's secret goes where the operator has said, not where the task does."""

import pytest

from pawl.hosts import HostRules, Hosts
from services.orchestrator.source.location import locate
from services.orchestrator.source.trust import Trust

LISTED = Trust(
    forge_url="https://github.com",
    rules=HostRules(
        allowed=Hosts.of(["git.example.org", "*.forge.example"]),
        private=Hosts.of(["10.1.0.0/16", "git.corp", "fd00::/8"]),
    ),
)
AT_HOME = Trust(forge_url="https://github.com", rules=HostRules(local=True))
UNLISTED = Trust(forge_url="https://github.com")


@pytest.mark.parametrize(
    ("trust", "repository", "trusted"),
    [
        (UNLISTED, "ada/engine", True),
        (UNLISTED, "https://github.com/ada/engine", True),
        (UNLISTED, "https://github.com:8443/ada/engine", False),
        (UNLISTED, "https://gitlab.com/ada/engine", False),
        (UNLISTED, "https://github.com.evil.example/ada/engine", False),
        (UNLISTED, "http://127.0.0.1:8000/ada/engine", False),
        (LISTED, "ada/engine", True),
        (LISTED, "https://git.example.org/ada/engine", True),
        (LISTED, "https://a.forge.example/ada/engine", True),
        (LISTED, "https://git.corp/ada/engine", True),
        (LISTED, "https://10.1.2.3/ada/engine", True),
        (LISTED, "https://[fd00::1]/ada/engine", True),
        (LISTED, "https://10.2.2.3/ada/engine", False),
        (LISTED, "https://evil.example/ada/engine", False),
        (AT_HOME, "http://127.0.0.1:8000/ada/engine", True),
        (AT_HOME, "http://localhost:8000/ada/engine", True),
        (AT_HOME, "https://evil.example/ada/engine", False),
    ],
)
def test_only_hosts_that_the_operator_named_get_secrets(
    trust: Trust, repository: str, trusted: bool
) -> None:
    location = locate(repository, forge_url="https://github.com", allow_local=True)

    assert trust(location) is trusted
