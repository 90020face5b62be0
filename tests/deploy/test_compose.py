"""Holds compose.yaml to what the services' code says."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pawl.wire.settings import KNOWN, PREFIX
from services.runner.runtimes.environment import names_secret
from services.runner.runtimes.registry import RUNTIMES

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("contract", "orchestrator", "runner", "dashboard")
PUBLISHED = ("orchestrator", "dashboard")

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
    others = {name: _environment(compose, name) for name in SERVICES if name != "runner"}

    assert len(keys) >= 3
    assert not any(keys & seen for seen in others.values())


@pytest.mark.parametrize("name", ["contract", "runner", "dashboard"])
def test_only_the_orchestrator_gets_a_credential_for_repositories(compose: Any, name: str) -> None:
    service = compose["services"][name]

    assert set(service.get("secrets", ())) <= {"dashboard_token"}
    assert not [name for name in service["environment"] if "TOKEN" in name and "GIT" in name]


def test_only_the_dashboard_gets_what_people_log_in_with(compose: Any) -> None:
    holders = [
        name
        for name in SERVICES
        if "dashboard_token" in compose["services"][name].get("secrets", ())
        or "PAWL_DASHBOARD_TOKEN_FILE" in _environment(compose, name)
        or "dashboard-data:/var/lib/pawl" in compose["services"][name].get("volumes", ())
    ]

    assert holders == ["dashboard"]


def test_only_what_people_ask_is_published_and_on_loopback(compose: Any) -> None:
    published = {name: compose["services"][name].get("ports", []) for name in SERVICES}

    assert {name for name, ports in published.items() if ports} == set(PUBLISHED)
    assert {port["host_ip"] for name in PUBLISHED for port in published[name]} == {"127.0.0.1"}


def test_the_dashboard_meets_the_services_that_it_asks_and_no_runner(compose: Any) -> None:
    networks = {name: set(compose["services"][name]["networks"]) for name in SERVICES}

    assert networks["dashboard"] & networks["contract"]
    assert networks["dashboard"] & networks["orchestrator"]
    assert not networks["dashboard"] & networks["runner"]


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
