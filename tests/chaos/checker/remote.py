"""I6 and I7: what was published, and that nothing else was."""

from collections.abc import Iterator
from pathlib import Path

from tests.chaos.checker.evidence import Evidence, Row, Violation, git, lowered


def check(evidence: Evidence) -> Iterator[Violation]:
    """What is wrong with the remotes' branches."""
    refs = {address: _refs(path) for address, path in evidence.remotes.items()}
    publications = {row["job_id"]: row for row in evidence.rows("SELECT * FROM publication")}
    steps = evidence.by_job("step", "step_index")
    deleted = {
        (note["result"]["repository"], note["result"]["head"])
        for note in evidence.forge_notes("audit")
        if note["operation"] == "delete_branch"
    }
    accounted = {(address, f"refs/heads/{evidence.base}") for address in refs}
    for job in evidence.jobs():
        publication, address = publications.get(job["job_id"]), job["repository"]
        ref = f"refs/heads/{job['working_branch']}"
        if publication is None:
            there = (address, ref)
            if job["working_branch"] and ref in refs[address] and there not in accounted:
                yield Violation("I7", f"job {job['job_id']} ({job['state']}) pushed {ref}")
            continue
        branch = publication["branch"]
        accounted.add((address, f"refs/heads/{branch}"))
        if lowered(job["state"]) == "succeeded":
            last = steps[job["job_id"]][-1]["checkpoint_tree"]
            if (slug(address), branch) in deleted and f"refs/heads/{branch}" not in refs[address]:
                continue  # a person has removed what had been published
            yield from _published(evidence, job, publication, refs[address], last)
        elif lowered(job["state"]) == "cancelled":
            yield Violation("I7", f"job {job['job_id']} was cancelled after its intent")
    for address, listed in refs.items():
        for ref in listed:
            if (address, ref) not in accounted:
                yield Violation("I6", f"{address} has {ref}, which is no job's")


def slug(address: str) -> str:
    """``owner/name`` of a repository of the forge's."""
    return "/".join(address.removesuffix(".git").split("/")[-2:])


def _refs(remote: Path) -> dict[str, str]:
    listed = git(remote, "for-each-ref", "--format=%(objectname) %(refname)")
    return {ref: commit for commit, ref in (line.split(" ", 1) for line in listed.splitlines())}


def _published(
    evidence: Evidence, job: Row, publication: Row, refs: dict[str, str], last_tree: str
) -> Iterator[Violation]:
    name, ref = job["job_id"], f"refs/heads/{publication['branch']}"
    there = refs.get(ref)
    if there is None or there != publication["commit"]:
        yield Violation("I6", f"{ref} of {name} is at {there}, not {publication['commit']}")
        return
    if job["published_commit"] != there:
        yield Violation("I6", f"job {name} says it published {job['published_commit']}")
    remote = evidence.remotes[job["repository"]]
    tree, *parents = git(remote, "log", "-1", "--format=%T %P", there).split()
    if parents != [job["base_commit"]]:
        yield Violation("I6", f"the commit of {name} has the parents {parents}")
    if not tree == publication["tree"] == last_tree:
        yield Violation("I6", f"{name} published {tree}; its last checkpoint is {last_tree}")
    expected = evidence.trees.get(job.get("label_kind", ""))
    if expected and tree != expected:
        yield Violation("I6", f"{name} published {tree}; without any fault it was {expected}")
