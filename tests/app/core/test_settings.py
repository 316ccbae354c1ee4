from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from app.core.settings import Settings, load_settings, variable
from otel import ConfigError
from tests.app.conftest import SEED

SECRETS = {
    "LMS_JWT_SECRET": "a secret of the tests, 32 bytes or more",
    "LMS_CERTIFICATE_KEY": SEED,
    "LMS_ADMIN_PASSWORD": "an admin password of the tests",
    "LMS_METRICS_TOKEN": "metrics-token-of-the-tests",
    "LMS_ALERTS_TOKEN": "alerts-token-of-the-tests",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def sentences() -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_settings()
    return caught.value.sentences


def test_secrets_suffice() -> None:
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.mongodb_url == "mongodb://127.0.0.1:27017/lms"


@pytest.mark.parametrize("name", SECRETS)
def test_a_missing_secret_is_one_sentence(name: str, environment: pytest.MonkeyPatch) -> None:
    environment.delenv(name)
    assert sentences() == (
        f"{name} is missing: set it in the environment, in .env, or as a file in LMS_SECRETS_DIR.",
    )


def test_an_unknown_key_names_the_nearest(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LMS_PROT", "8001")
    assert sentences() == ("LMS_PROT is not a setting: did you mean LMS_PORT?",)


def test_all_mistakes_are_reported_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LMS_PORT", "many")
    environment.setenv("LMS_JWT_SECRT", "x")
    environment.delenv("LMS_METRICS_TOKEN")
    assert [sentence.split()[0] for sentence in sentences()] == [
        "LMS_JWT_SECRT",
        "LMS_PORT",
        "LMS_METRICS_TOKEN",
    ]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        pytest.param("LMS_JWT_SECRET", "short", "at least 32", id="short secret"),
        pytest.param("LMS_CERTIFICATE_KEY", "c2hvcnQ", "32 bytes in base64url", id="short key"),
        pytest.param("LMS_CERTIFICATE_KEY", "!!", "32 bytes in base64url", id="no base64"),
        pytest.param(
            "LMS_ALERTS_TOKEN", SECRETS["LMS_METRICS_TOKEN"], "must differ from", id="one token for two"
        ),
        pytest.param("LMS_ADMIN_EMAIL", "nobody", "email", id="not an email address"),
        pytest.param("LMS_JWT_ACCESS_TTL", "soon", "duration", id="no duration"),
        pytest.param("LMS_JWT_ACCESS_TTL", "0s", "longer than zero", id="no time"),
        pytest.param("LMS_DEMO_FAILURE_RATIO", "1.5", "must be a number from 0 to 1", id="more than all"),
        pytest.param("MONGODB_URL", "http://127.0.0.1", "mongodb://host:port/name", id="no MongoDB"),
        pytest.param("REDIS_URL", "redis://", "redis://host:port/name", id="no host"),
    ],
)
def test_a_wrong_value_names_variable_and_fix(
    name: str, value: str, says: str, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv(name, value)
    (sentence,) = sentences()
    assert sentence.startswith(f"{name} is not valid: ")
    assert says in sentence


def test_a_wrong_secret_is_not_repeated(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LMS_JWT_SECRET", "hunter2")
    assert "hunter2" not in "".join(sentences())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("12h", 43200), ("14d", 1209600), ("PT5M", 300)],
)
def test_durations_have_units(text: str, seconds: int, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LMS_CATALOGUE_TTL", text)
    assert load_settings().catalogue_ttl == timedelta(seconds=seconds)


def test_secrets_may_be_files(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        environment.delenv(name)
        (tmp_path / name.lower()).write_text(f"{value}\n")
    environment.setenv("LMS_SECRETS_DIR", str(tmp_path))
    assert load_settings().jwt_secret.get_secret_value() == SECRETS["LMS_JWT_SECRET"]


def test_a_missing_secrets_folder_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LMS_SECRETS_DIR", "/nowhere")
    assert sentences() == ("LMS_SECRETS_DIR is '/nowhere', which is not a folder.",)


def test_settings_hide_their_secrets() -> None:
    shown = repr(load_settings())
    assert not any(secret in shown for secret in SECRETS.values())


@pytest.mark.parametrize(
    "password",
    ["a" * 12, " " * 12, "administrator", "admin@example.org"],
    ids=lambda text: text.strip() or "blanks",
)
def test_a_password_that_is_guessed_first_is_refused(password: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LMS_ADMIN_PASSWORD", password)
    (sentence,) = sentences()
    assert sentence.startswith("LMS_ADMIN_PASSWORD is not valid: choose another; it ")
