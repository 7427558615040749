"""Settings come from the environment, typed, and say what is wrong with it."""

from __future__ import annotations

import pytest

from lakehouse.settings import Settings, SettingsError

REQUIRED = {
    "LAKEHOUSE_BUCKET": "lake",
    "LAKEHOUSE_LANDING_BUCKET": "landing",
    "LAKEHOUSE_WORKGROUP": "analytics",
    "LAKEHOUSE_DATABASE": "warehouse",
    "LAKEHOUSE_REDSHIFT_ROLE": "arn:aws:iam::123456789012:role/copy",
    "LAKEHOUSE_QUEUE_URL": "http://queue",
}


def test_what_is_required_is_enough() -> None:
    settings = Settings.from_environment(REQUIRED)
    assert settings == Settings(*REQUIRED.values())
    assert settings.alert_topic is None
    assert (settings.user_secret("ann"), settings.token_key) == ("lakehouse/redshift/ann", "lakehouse/token-key")


def test_everything_can_be_set() -> None:
    settings = Settings.from_environment(
        {
            **REQUIRED,
            "LAKEHOUSE_JOB_PREFIX": "prod",
            "LAKEHOUSE_BATCH_FILES": "7",
            "LAKEHOUSE_BATCH_BYTES": "1024",
            "LAKEHOUSE_ALERT_TOPIC": "arn:topic",
        }
    )
    assert (settings.user_secret("ann"), settings.token_key) == ("prod/redshift/ann", "prod/token-key")
    assert settings.job_name("ingest_bronze") == "prod-ingest-bronze"
    assert (settings.batch_files, settings.batch_bytes, settings.alert_topic) == (7, 1024, "arn:topic")


def test_secrets_may_have_names_of_their_own() -> None:
    own = {**REQUIRED, "LAKEHOUSE_REDSHIFT_USERS": "people/", "LAKEHOUSE_TOKEN_KEY": "keys/token"}
    settings = Settings.from_environment(own)
    assert (settings.user_secret("ann"), settings.token_key) == ("people/ann", "keys/token")


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in REQUIRED.items():
        monkeypatch.setenv(variable, value)
    assert Settings.from_environment() == Settings.from_environment(REQUIRED)


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"LAKEHOUSE_BUCKET": "lake", "LAKEHOUSE_DATABASE": ""})
    assert all(variable in str(caught.value) for variable in REQUIRED if variable != "LAKEHOUSE_BUCKET")
    assert "LAKEHOUSE_BUCKET" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "ten", " 7", "\u00b2"])
@pytest.mark.parametrize("variable", ["LAKEHOUSE_BATCH_FILES", "LAKEHOUSE_BATCH_BYTES"])
def test_a_bound_is_a_whole_number_of_at_least_one(variable: str, text: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        Settings.from_environment({**REQUIRED, variable: text})
