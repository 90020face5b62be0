"""Which of the deployment's keys counts."""

import pytest

from services.orchestrator.jobs.failures import JobFailed, Reason, failed
from services.orchestrator.source.keyring import Keyring
from services.orchestrator.source.keys import NO_REFS, AuthRefs, KeyAway, Purpose, Token
from services.orchestrator.source.location import locate
from tests.support.scripted_keys import ScriptedKeys

HERE = locate("o/n", forge_url="https://github.com", allow_local=False)
REFUSED = failed(Reason.PUBLISH_AUTH, "the installation is suspended", "Lift that.")


async def given(keyring: Keyring, *, fresh: bool = False) -> Token | None:
    return await keyring.token(HERE, NO_REFS, Purpose.PUBLISH, fresh=fresh)


async def test_the_app_goes_before_the_file() -> None:
    app, file = ScriptedKeys("of-app"), ScriptedKeys("of-file")
    assert await given(Keyring(app=app, file=file)) == Token("of-app")
    assert file.asked == []


NAMED = AuthRefs(publish="vault://kv/team#token")


async def test_a_secret_the_task_names_goes_before_all_others() -> None:
    app, file = ScriptedKeys("of-app"), ScriptedKeys("of-file")
    keyring = Keyring(vault=ScriptedKeys("of-vault"), app=app, file=file)
    assert await keyring.token(HERE, NAMED, Purpose.PUBLISH) == Token("of-vault")
    assert await keyring.token(HERE, NAMED, Purpose.READ) == Token("of-app")


@pytest.mark.parametrize("trouble", [KeyAway("sealed"), REFUSED])
async def test_no_other_key_stands_in_for_a_secret_that_cannot_be_had(trouble: Exception) -> None:
    """Whoever may not read the secret could reach with the deployment's key what it reaches."""
    app, file = ScriptedKeys("of-app"), ScriptedKeys("of-file")
    vault = ScriptedKeys("of-vault", troubles=[trouble])
    with pytest.raises(type(trouble)):
        await Keyring(vault=vault, app=app, file=file).token(HERE, NAMED, Purpose.PUBLISH)
    assert (app.asked, file.asked) == ([], [])


async def test_a_secret_without_a_vault_is_told_of_by_its_settings() -> None:
    keyring = Keyring(file=ScriptedKeys("of-file"))
    with pytest.raises(JobFailed, match=r"PUBLISH_AUTH.*vault://kv/team#token") as told:
        keyring.offers(HERE, NAMED, Purpose.PUBLISH)
    assert "PAWL_VAULT_ADDR" in told.value.failure.remedy


def test_a_vault_offers_nothing_where_the_task_names_nothing() -> None:
    keyring = Keyring(vault=ScriptedKeys("of-vault"))
    assert not keyring.offers(HERE, NO_REFS, Purpose.PUBLISH)
    assert keyring.offers(HERE, NAMED, Purpose.PUBLISH)


async def test_the_file_counts_where_the_app_is_not_installed() -> None:
    keyring = Keyring(app=ScriptedKeys(""), file=ScriptedKeys("of-file"))
    assert await given(keyring) == Token("of-file")


@pytest.mark.parametrize("trouble", [KeyAway("no answer"), REFUSED])
async def test_an_app_that_fails_is_not_replaced_by_what_may_do_more(trouble: Exception) -> None:
    file = ScriptedKeys("of-file")
    with pytest.raises(type(trouble)):
        await given(Keyring(app=ScriptedKeys("of-app", troubles=[trouble]), file=file))
    assert file.asked == []


async def test_a_fresh_token_is_the_apps_too() -> None:
    keyring = Keyring(app=ScriptedKeys("old", fresh=["new"]), file=ScriptedKeys("of-file"))
    assert await given(keyring, fresh=True) == Token("new")


def test_every_value_of_every_key_is_known() -> None:
    keyring = Keyring(app=ScriptedKeys("of-app"), file=ScriptedKeys("of-file"))
    assert set(keyring.known()) == {"of-app", "of-file"}


def test_every_key_is_given_back_what_it_made() -> None:
    app, file = ScriptedKeys(), ScriptedKeys()
    Keyring(app=app, file=file).release("job/1")
    assert (app.released, file.released) == (["job/1"], ["job/1"])


@pytest.mark.parametrize(
    ("keyring", "empty"),
    [
        (Keyring(), True),
        (Keyring(app=ScriptedKeys()), False),
        (Keyring(file=ScriptedKeys()), False),
    ],
)
async def test_without_any_key_there_is_no_token(keyring: Keyring, empty: bool) -> None:
    assert keyring.empty is empty
    assert (await given(keyring) is None) is empty
