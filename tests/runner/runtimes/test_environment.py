"""What passes from the service's environment to a CLI."""

from services.runner.runtimes.environment import passing, secret_values
from services.runner.runtimes.registry import RUNTIMES

ENVIRON = {
    "PATH": "/bin",
    "OPENAI_API_KEY": "sk-1",
    "ANTHROPIC_API_KEY": "sk-2",
    "DATABASE_URL": "x",
    "NPM_TOKEN": "t",
    "NPM_CONFIG_CACHE": "c",
}


def test_a_runtime_gets_its_own_key_and_no_other() -> None:
    passed = passing(ENVIRON, RUNTIMES["codex"].env)

    assert passed == {"PATH": "/bin", "OPENAI_API_KEY": "sk-1"}


def test_names_and_globs_let_more_through() -> None:
    passed = passing(ENVIRON, ("PATH", "NPM_*"))

    assert sorted(passed) == ["NPM_CONFIG_CACHE", "NPM_TOKEN", "PATH"]


def test_secrets_come_longest_first_and_short_ones_are_left_out() -> None:
    passed = {"A_KEY": "12345678", "B_TOKEN": "12345678-longer", "C_SECRET": "short", "D": "plain"}

    assert secret_values(passed) == (b"12345678-longer", b"12345678")
