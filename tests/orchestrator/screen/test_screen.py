"""A result is searched where it differs from its base, and with it whatever else is published."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason
from services.orchestrator.screen.policy import ScreenPolicy, Verdict, WorkflowChanges
from services.orchestrator.screen.screen import screen
from services.orchestrator.source.mirror import Mirror
from tests.orchestrator.source.repositories import Upstream, mirror_of

VALUE = "c4nary-" + "W0rd~9xy-0123"
TOKEN = "np" + "m_" + "q8Zr3LxT0vYp5WmK2sNd7BfJ4hGc9RtEaUiO"
DRAFT = ScreenPolicy(workflows=WorkflowChanges.DRAFT)


@pytest.fixture
def origin(tmp_path: Path) -> Upstream:
    return Upstream(tmp_path / "origin.git")


class Bench:
    """Judges the change from one set of files to another."""

    def __init__(self, origin: Upstream, folder: Path) -> None:
        self._origin = origin
        self._folder = folder

    async def judged(
        self,
        before: dict[bytes, bytes],
        after: dict[bytes, bytes],
        policy: ScreenPolicy = DRAFT,
        texts: Mapping[str, str] = {},
    ) -> Verdict:
        base = self._origin.commit(self._tree(before))
        changed = self._origin.commit(self._tree(after), base)
        mirror: Mirror = await mirror_of(self._origin, self._folder)
        await mirror.fetch()
        return await screen(
            mirror,
            base=base,
            tree=await mirror.tree_of(changed),
            texts=texts,
            known=[VALUE],
            policy=policy,
            drafts=True,
        )

    def _tree(self, files: dict[bytes, bytes]) -> str:
        blobs = {path: self._origin.blob(content) for path, content in files.items()}
        return self._origin.tree(*(("100644", path, blobs[path]) for path in sorted(blobs)))


@pytest.fixture
def bench(origin: Upstream, tmp_path: Path) -> Bench:
    return Bench(origin, tmp_path / "mirrors")


def refusal(raised: pytest.ExceptionInfo[JobFailed]) -> str:
    failure = raised.value.failure
    assert failure.reason is Reason.SECRET_DETECTED
    for secret in (VALUE, TOKEN):
        parts = {secret[at : at + 6] for at in range(len(secret) - 6)}
        assert not any(part in failure.message + failure.remedy for part in parts)
    return failure.message


@pytest.mark.parametrize(
    ("content", "rule"),
    [(VALUE.encode(), "known-value"), (TOKEN.encode(), "npm-token")],
)
async def test_a_secret_in_a_new_file_is_refused_by_rule_and_path(
    bench: Bench, content: bytes, rule: str
) -> None:
    with pytest.raises(JobFailed) as raised:
        await bench.judged({b"a": b"1"}, {b"a": b"1", b"b.bin": b"\xff\0" + content + b"\0"})

    assert f"'b.bin' (rule {rule})" in refusal(raised)


async def test_a_secret_deep_in_a_large_file_is_found(bench: Bench) -> None:
    content = b" " * 3_000_000 + VALUE.encode() + b" " * 300_000

    with pytest.raises(JobFailed) as raised:
        await bench.judged({b"a": b"1"}, {b"a": content})

    assert "'a'" in refusal(raised)


async def test_a_secret_in_a_path_is_refused_without_the_path(bench: Bench) -> None:
    with pytest.raises(JobFailed) as raised:
        await bench.judged({b"a": b"1"}, {b"a": b"1", VALUE.encode(): b"2"})

    assert "the name of a new file" in refusal(raised)


@pytest.mark.parametrize("name", ["message", "title", "body", "branch"])
async def test_a_secret_in_a_text_is_refused_by_the_text_s_name(bench: Bench, name: str) -> None:
    with pytest.raises(JobFailed) as raised:
        await bench.judged({b"a": b"1"}, {b"a": b"2"}, texts={name: f"Use {VALUE}"})

    assert f"in {name} (rule known-value)" in refusal(raised)


async def test_what_the_base_holds_is_no_doing_of_the_job(bench: Bench) -> None:
    before = {b"a": TOKEN.encode() + b"\n", b"b": VALUE.encode() + b"\n", b"kept": TOKEN.encode()}
    after = {
        b"a": TOKEN.encode() + b"\nmore\n",
        b"renamed": VALUE.encode() + b"\nmore\n",
        b"kept": TOKEN.encode(),
    }

    assert await bench.judged(before, after) == Verdict()


async def test_another_secret_beside_one_of_the_base_is_refused(bench: Bench) -> None:
    other = TOKEN[:-4] + "Xy1Z"

    with pytest.raises(JobFailed) as raised:
        await bench.judged({b"a": TOKEN.encode()}, {b"a": f"{TOKEN}\n{other}\n".encode()})

    assert "npm-token" in refusal(raised)


async def test_a_rule_that_is_off_finds_nothing_but_known_values_are_found(bench: Bench) -> None:
    off = ScreenPolicy(rules_off=frozenset({"npm-token"}))

    assert await bench.judged({b"a": b"1"}, {b"a": TOKEN.encode()}, off) == Verdict()
    with pytest.raises(JobFailed):
        await bench.judged({b"a": b"1"}, {b"a": VALUE.encode()}, off)


async def test_a_removed_workflow_file_is_a_change_of_it(bench: Bench) -> None:
    verdict = await bench.judged({b"a": b"1", b".gitlab-ci.yml": b"x"}, {b"a": b"1"})

    assert verdict.draft_because == ("It changes what the forge runs by itself: '.gitlab-ci.yml'.",)
