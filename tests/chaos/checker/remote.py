"""I6 and I7: what was published, and that nothing else was."""

from collections.abc import Iterator

from tests.chaos.checker.evidence import Evidence, Row, Violation, git, lowered


def check(evidence: Evidence) -> Iterator[Violation]:
    """What is wrong with the remote's branches."""
    listed = git(evidence.remote, "for-each-ref", "--format=%(objectname) %(refname)")
    refs = {ref: commit for commit, ref in (line.split(" ", 1) for line in listed.splitlines())}
    publications = {row["job_id"]: row for row in evidence.rows("SELECT * FROM publication")}
    steps = evidence.by_job("step", "step_index")
    accounted = {f"refs/heads/{evidence.base}"}
    for job in evidence.jobs():
        publication = publications.get(job["job_id"])
        ref = f"refs/heads/{job['working_branch']}"
        if publication is None:
            if job["working_branch"] and ref in refs and ref not in accounted:
                yield Violation("I7", f"job {job['job_id']} ({job['state']}) pushed {ref}")
            continue
        accounted.add(f"refs/heads/{publication['branch']}")
        if lowered(job["state"]) == "succeeded":
            last = steps[job["job_id"]][-1]["checkpoint_tree"]
            yield from _published(evidence, job, publication, refs, last)
        elif lowered(job["state"]) == "cancelled":
            yield Violation("I7", f"job {job['job_id']} was cancelled after its intent")
    for ref in refs.keys() - accounted:
        yield Violation("I6", f"the remote has {ref}, which is no job's")


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
    tree, *parents = git(evidence.remote, "log", "-1", "--format=%T %P", there).split()
    if parents != [job["base_commit"]]:
        yield Violation("I6", f"the commit of {name} has the parents {parents}")
    if not tree == publication["tree"] == last_tree:
        yield Violation("I6", f"{name} published {tree}; its last checkpoint is {last_tree}")
    expected = evidence.trees.get(job.get("label_kind", ""))
    if expected and tree != expected:
        yield Violation("I6", f"{name} published {tree}; without any fault it was {expected}")
