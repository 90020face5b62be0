"""How a driver comes to the forge that its job's repository is on."""

from dataclasses import dataclass

from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.jobs.forge import Forge, ForgeAway, ForgeRepository
from services.orchestrator.jobs.plan import Plan
from services.orchestrator.source.keys import AuthRefs, KeyAway, Keys, Purpose
from services.orchestrator.source.location import Location
from services.orchestrator.source.slug import Slug, slug_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeAccess:
    """The forge of this deployment with the keys to it."""

    forge: Forge
    keys: Keys
    url: str
    """Where its repositories and pages are."""

    async def repository(
        self, location: Location, plan: Plan, *, holder: str, fresh: bool = False
    ) -> ForgeRepository:
        """The job's repository, reached with what may publish to it.

        `fresh` asks for another token than the last one, which was refused; `holder` is that of
        `AuthRefs`. Raises ForgeAway, and `JobFailed` with PUBLISH_REJECTED for a repository that
        is elsewhere, with PUBLISH_AUTH where there is no token for it.
        """
        slug = self.slug(location)
        repo, publish = plan.auth_refs
        refs = AuthRefs(repo=repo, publish=publish, holder=holder)
        try:
            token = await self.keys.token(location, refs, Purpose.PUBLISH, fresh=fresh)
        except KeyAway as away:
            raise ForgeAway(away.words, retry_after=away.retry_after) from None
        if token is None:
            raise _no_token(slug)
        return self.forge.repository(slug.owner, slug.name, token.value)

    def check(self, location: Location, refs: AuthRefs) -> None:
        """Refuses what cannot have a pull request, as far as the settings tell.

        Raises `JobFailed` with PUBLISH_REJECTED or PUBLISH_AUTH.
        """
        slug = self.slug(location)
        if not self.keys.offers(location, refs, Purpose.PUBLISH):
            raise _no_token(slug)

    def slug(self, location: Location) -> Slug:
        """What the forge calls the repository. Raises `JobFailed` with PUBLISH_REJECTED."""
        slug = slug_of(location, self.url)
        if slug is None:
            raise failed(
                Reason.PUBLISH_REJECTED,
                f"there can be no pull request: {location.url} is not on {self.url}",
                "Submit the task with publish.mode: branch, or name a repository of the forge "
                "that PAWL_GITHUB_URL names.",
            )
        return slug


def _no_token(slug: Slug) -> JobFailed:
    return failed(
        Reason.PUBLISH_AUTH,
        f"there is no token to open a pull request in {slug.owner}/{slug.name} with",
        "Install the app of PAWL_GITHUB_APP_ID there, set PAWL_GITHUB_TOKEN_FILE for the "
        "orchestrator, or name a secret in the task's auth.publishAuthRef; then retry the job.",
    )
