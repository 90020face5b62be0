"""How a driver comes to the forge that its job's repository is on."""

from dataclasses import dataclass

from services.orchestrator.jobs.failures import Reason, failed
from services.orchestrator.jobs.forge import Forge, ForgeRepository
from services.orchestrator.jobs.plan import Plan
from services.orchestrator.source.keys import AuthRefs, Keys, Purpose
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
        self, location: Location, plan: Plan, *, fresh: bool = False
    ) -> ForgeRepository:
        """The job's repository, reached with what may publish to it.

        `fresh` asks for another token than the last one, which was refused.
        Raises `JobFailed` with PUBLISH_REJECTED for a repository that is elsewhere, with
        PUBLISH_AUTH where there is no token for it.
        """
        slug = self.slug(location)
        repo, publish = plan.auth_refs
        token = await self.keys.token(
            location, AuthRefs(repo=repo, publish=publish), Purpose.PUBLISH, fresh=fresh
        )
        if token is None:
            raise failed(
                Reason.PUBLISH_AUTH,
                f"there is no token to open a pull request in {slug.owner}/{slug.name} with",
                "Set PAWL_GITHUB_TOKEN_FILE for the orchestrator, then retry the job: no step "
                "runs again.",
            )
        return self.forge.repository(slug.owner, slug.name, token.value)

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
