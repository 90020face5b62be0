"""Which credential git may use for which repository, told by environment alone."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.orchestrator.jobs.failures import failed
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.source.keys import NO_REFS, AuthRefs, Keys, Purpose
from services.orchestrator.source.location import Location, origin_of
from services.orchestrator.source.token_file import REASONS

# `StrictHostKeyChecking=yes`: a host nobody has vouched for gets neither code nor a signature.
# The operator adds keys to known_hosts; `accept-new` would trust whoever answers first.
SSH = (
    "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=20 "
    "-oServerAliveInterval=15 -oServerAliveCountMax=4 -oControlMaster=no -oControlPath=none "
    "-oForwardAgent=no -oClearAllForwardings=yes -oPermitLocalCommand=no"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a git process gets to reach one repository."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    configuration: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What must never be seen in any text git prints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What git is given of the deployment's keys."""

    keys: Keys = field(default_factory=Keyring)
    home: Path | None = None
    """Where ssh finds the operator's keys, configuration, known hosts."""
    ssh_auth_sock: str | None = None

    async def access(
        self,
        location: Location,
        refs: AuthRefs = NO_REFS,
        purpose: Purpose = Purpose.READ,
        *,
        fresh: bool = False,
    ) -> Access:
        """What git gets for `location`: a token by http, the operator's home for ssh.

        `fresh` is that of `Keys.token`. Raises as `check` and `Keys.token` do.
        """
        _fits(location, refs, purpose)
        if location.protocol == "ssh":
            environment = {"GIT_SSH_COMMAND": SSH, "GIT_SSH_VARIANT": "ssh"}
            if self.home:
                environment["HOME"] = str(self.home)
            if self.ssh_auth_sock:
                environment["SSH_AUTH_SOCK"] = self.ssh_auth_sock
            return Access(environment=environment)
        if location.local:
            return Access()
        token = await self.keys.token(location, refs, purpose, fresh=fresh)
        return _with_token(location, token.value) if token else Access()

    def check(self, location: Location, refs: AuthRefs, purpose: Purpose) -> None:
        """Raises `JobFailed` with REPO_AUTH or PUBLISH_AUTH for a secret that cannot be of use.

        Asks nobody: whether the secret is there shows when it is needed.
        """
        _fits(location, refs, purpose)
        self.keys.offers(location, refs, purpose)

    def known(self) -> Sequence[str]:
        """The values git is given for any repository: nothing that is published may hold one.

        Raises `JobFailed` with REPO_AUTH when a key cannot be read.
        """
        return [form for token in self.keys.known() for form in (token, _basic(token))]


def _fits(location: Location, refs: AuthRefs, purpose: Purpose) -> None:
    if refs.of(purpose) is None or location.protocol in {"https", "http"}:
        return
    # The operator's key would reach the repository, and whoever wrote the task may have none.
    raise failed(
        REASONS[purpose],
        f"the task names {refs.of(purpose)}, and a secret by reference is of use by https alone: "
        f"{location.url} is reached by {location.protocol}",
        "Submit the task again with the repository's https address, or without the secret.",
    )


def _with_token(location: Location, token: str) -> Access:
    basic = _basic(token)
    # Bound to the repository's server, beside redirects being off: git sends it nowhere else.
    key = f"http.{origin_of(location)}/.extraHeader"
    return Access(configuration={key: f"Authorization: Basic {basic}"}, secrets=(token, basic))


def _basic(token: str) -> str:
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()
