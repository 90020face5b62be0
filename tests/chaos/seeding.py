"""``python -m tests.chaos.seeding``: makes jobs all of whose steps have checkpoints already.

It does so with the product's own store and mirrors, as an owner would who has died before the
first of them was published: what is left of each is its publish stage. No agent has run.
"""

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from services.orchestrator.drive.facts import sentence, stage_event, step_event
from services.orchestrator.jobs import branches
from services.orchestrator.jobs.accepting import NewJob
from services.orchestrator.jobs.claim import Claim
from services.orchestrator.jobs.job import Job, NewEvent
from services.orchestrator.jobs.plan import Plan, PlannedStep, Stage
from services.orchestrator.jobs.store import Store
from services.orchestrator.remote.contract import ContractClient, contract_at
from services.orchestrator.source.commit import checkpoint_ref
from services.orchestrator.source.credentials import Credentials
from services.orchestrator.source.git import Git
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.source.mirror import Mirror, Mirrors
from services.orchestrator.source.token_file import TokenFile
from services.orchestrator.store.store import opened
from services.orchestrator.submitting import new_job_id
from tests.support.stack import task

STEPS = 2
TERM = timedelta(minutes=10)
OWNER = "the-owner-that-seeded"
WHO = "Seed <seed@example.invalid> 1700000000 +0000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One repository, as far as it has been looked at."""

    address: str
    mirror: Mirror
    default: str
    base: str


async def main() -> None:
    """Reads the arguments and seeds."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.seeding", description=__doc__)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the orchestrators' own folder")
    parser.add_argument("--contract", required=True, help="where the contract service is")
    parser.add_argument("--forge", required=True, help="the forge's address")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--repository", action="append", required=True, dest="repositories")
    given = parser.parse_args()
    given.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    mirrors = Mirrors(
        given.data / "mirrors",
        git=Git(),
        credentials=Credentials(
            keys=Keyring(file=TokenFile(path=given.token_file, url=given.forge))
        ),
        allow_local=True,
        forge_url=given.forge,
    )
    async with (
        opened(f"sqlite:///{given.data / 'pawl.db'}") as store,
        contract_at(given.contract) as contract,
    ):
        for number, address in enumerate(given.repositories):
            host = await _host(mirrors, address)
            share = range(number, given.jobs, len(given.repositories))
            await _seed(store, contract, host, [f"job-{one}" for one in share])
        await store.give_up(OWNER)


async def _host(mirrors: Mirrors, address: str) -> Host:
    mirror = await mirrors.open(address)
    await mirror.fetch()
    default = await mirror.default_branch()
    base = await mirror.branch_commit(default)
    return Host(address=address, mirror=mirror, default=default, base=base)


async def _seed(store: Store, contract: ContractClient, host: Host, keys: Sequence[str]) -> None:
    jobs = {key: await _submitted(store, contract, host, key) for key in keys}
    stream = b"".join(
        _commit(job.job_id, key, index, host.base)
        for key, job in jobs.items()
        for index in range(STEPS)
    )
    await host.mirror.run("fast-import", "--quiet", "--done", stdin=stream + b"done\n")
    listed = await host.mirror.run(
        "for-each-ref", "--format=%(refname) %(objectname) %(tree)", "refs/pawl/"
    )
    checkpoints = {
        ref: (commit, tree)
        for ref, commit, tree in map(str.split, listed.stdout.decode().splitlines())
    }
    for key, job in jobs.items():
        claim = await store.claim(job.job_id, owner=OWNER, term=TERM)
        assert claim is not None, f"{key} was taken by somebody else"
        await _through_steps(store, claim, job, host, checkpoints)


async def _submitted(store: Store, contract: ContractClient, host: Host, key: str) -> Job:
    scripts = [f"do: write made/{key}.{index}.txt {key}" for index in range(STEPS)]
    plan, _ = await contract.plan(task(host.address, *scripts, publish="pr"))
    job, _ = await store.submit(
        NewJob(
            job_id=new_job_id(),
            principal="local",
            request_id=key,
            submit_digest=plan.digest,
            plan=plan,
            priority=0,
            max_attempts=10,
            labels={"key": key, "kind": "publish", "expect": "succeeded|failed"},
        )
    )
    return job


def _commit(job_id: str, key: str, index: int, base: str) -> bytes:
    """A step's checkpoint in the words of fast-import: what it and the steps before it made."""
    lines = [f"commit {checkpoint_ref(job_id, index)}", f"committer {WHO}", "data 4", "step"]
    lines += [f"from {base}"]
    for made in range(index + 1):
        text = f"{key} {made}"
        lines += [f"M 100644 inline made/{key}.{made}.txt", f"data {len(text)}", text]
    return "\n".join([*lines, "", ""]).encode()


async def _through_steps(
    store: Store, claim: Claim, job: Job, host: Host, checkpoints: dict[str, tuple[str, str]]
) -> None:
    plan = job.plan
    assert plan is not None
    resolved = branches.resolve(
        default=host.default,
        starting=plan.starting_branch,
        new=plan.new_branch,
        job_id=job.job_id,
        create_time=job.create_time,
    )
    started = stage_event(Stage.PREPARE, "started", "The job is being prepared.")
    await store.enter(claim, Stage.PREPARE, started)
    await store.pin(
        claim,
        default_branch=host.default,
        base_commit=host.base,
        working_branch=resolved.working,
    )
    await store.enter(claim, Stage.EXECUTE, *_entering(plan))
    for step in plan.steps:
        await _checkpointed(
            store, claim, step, *checkpoints[checkpoint_ref(job.job_id, step.index)]
        )


def _entering(plan: Plan) -> Iterator[NewEvent]:
    yield stage_event(Stage.PREPARE, "finished", "The job is prepared.")
    yield stage_event(Stage.EXECUTE, "started", "The steps are being run.")
    yield NewEvent(
        type="task.steps.plan",
        message=f"There are {len(plan.steps)} steps.",
        payload={"count": len(plan.steps), "ids": [step.id for step in plan.steps]},
        stage=Stage.EXECUTE,
    )


async def _checkpointed(
    store: Store, claim: Claim, planned: PlannedStep, commit: str, tree: str
) -> None:
    await store.start_step(
        claim,
        step_event(planned, "started", sentence(planned, "is running"), summary=""),
        step_index=planned.index,
        attempt=1,
        run_id=f"{claim.job_id}/1/{planned.index}",
        runner_id="",
        incarnation="",
        workspace_id="",
    )
    summary = f"made part {planned.index}"
    await store.finish_step(
        claim,
        step_event(planned, "finished", sentence(planned, "has succeeded"), summary=summary),
        step_index=planned.index,
        commit=commit,
        tree=tree,
        summary=summary,
        usage=None,
        artifacts=(),
    )


if __name__ == "__main__":
    asyncio.run(main())
