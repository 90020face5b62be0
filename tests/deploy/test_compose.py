"""Holds compose.yaml to what the services' code says."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pawl.wire.settings import KNOWN, PREFIX
from services.runner.runtimes.environment import names_secret
from services.runner.runtimes.registry import RUNTIMES

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("contract", "orchestrator", "runner")

# What the image or the network sets, or what names a file that an operator has to mount anyway.
NOT_FOR_COMPOSE = {
    "PATH",
    "HTTP_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "CODEX_CA_CERTIFICATE",
    "GOOGLE_APPLICATION_CREDENTIALS",
}


@pytest.fixture
def compose() -> Any:
    """Returns compose.yaml with its anchors resolved."""
    return YAML(typ="safe").load(ROOT / "compose.yaml")


def _environment(compose: Any, name: str) -> set[str]:
    return set(compose["services"][name]["environment"])


def test_the_runner_gets_what_the_clis_may_see(compose: Any) -> None:
    seen = {name for kind in RUNTIMES.values() for name in kind.env}

    assert seen - _environment(compose, "runner") == NOT_FOR_COMPOSE


def test_no_other_service_gets_a_key_for_models(compose: Any) -> None:
    keys = {name for kind in RUNTIMES.values() for name in kind.env if names_secret(name)}

    assert len(keys) >= 3
    assert not keys & (_environment(compose, "contract") | _environment(compose, "orchestrator"))


def test_the_runner_gets_no_credential_for_repositories(compose: Any) -> None:
    runner = compose["services"]["runner"]

    assert "secrets" not in runner
    assert not [name for name in runner["environment"] if "GITHUB" in name or "GIT_" in name]


def test_only_the_orchestrators_port_is_published_on_loopback(compose: Any) -> None:
    published = {name: compose["services"][name].get("ports", []) for name in SERVICES}

    assert not published["contract"] + published["runner"]
    assert [port["host_ip"] for port in published["orchestrator"]] == ["127.0.0.1"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_rights_and_bounds_on_what_it_takes(compose: Any, name: str) -> None:
    service = compose["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit", "healthcheck"} <= set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_named_is_known(compose: Any, name: str) -> None:
    named = {name for name in _environment(compose, name) if name.startswith(PREFIX)}

    assert named <= KNOWN


def test_the_builds_lock_agrees_with_the_developers() -> None:
    build = _locked("build.lock")

    assert build.items() <= _locked("dev.lock").items()


def _locked(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    pins = [line.split(";")[0].strip(" \\") for line in lines if "==" in line.split(";")[0]]
    return {package: version for package, _, version in (pin.partition("==") for pin in pins)}
