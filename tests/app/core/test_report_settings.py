"""What the settings of the report by mail refuse, as one sentence that names the variable and the fix."""

from __future__ import annotations

import pytest

from app.core.settings import Settings, load_settings, variable
from app.core.settings.report import addresses
from otel import ConfigError
from tests.app.core.test_settings import SECRETS

MAIL = {"LMS_REPORT_TO": "head@lms.example, ops@lms.example,", "LMS_SMTP_HOST": "mail.lms.example"}
LOGIN = {"LMS_SMTP_USER": "lms", "LMS_SMTP_PASSWORD": "planted mail password"}


@pytest.fixture(name="environment", autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)
    for name, value in {**SECRETS, **MAIL, **LOGIN}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def _sentence(environment: pytest.MonkeyPatch, changes: dict[str, str | None]) -> str:
    """Returns the only sentence about the settings with these changes; None leaves one out."""
    for name, value in changes.items():
        if value is None:
            environment.delenv(name)
        else:
            environment.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    [sentence] = caught.value.sentences
    return sentence


def test_two_addresses_and_a_login_are_accepted() -> None:
    settings = load_settings()
    assert addresses(settings.report_to) == ["head@lms.example", "ops@lms.example"]
    assert (settings.smtp_port, settings.smtp_tls, settings.report_hour) == (587, "starttls", 6)
    assert LOGIN["LMS_SMTP_PASSWORD"] not in repr(settings)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"LMS_REPORT_TO": "head@lms.example, ops"},
            "LMS_REPORT_TO is not valid: must be mail addresses separated by commas, and 'ops' is none.",
        ),
        (
            {"LMS_REPORT_WEEKLY": "often"},
            "LMS_REPORT_WEEKLY is not valid: must be on or off, or true or false.",
        ),
        (
            {"LMS_REPORT_MONTHLY": "2"},
            "LMS_REPORT_MONTHLY is not valid: must be on or off, or true or false.",
        ),
        ({"LMS_REPORT_HOUR": "24"}, "LMS_REPORT_HOUR is not valid: must be a whole number from 0 to 23."),
        ({"LMS_REPORT_HOUR": "-1"}, "LMS_REPORT_HOUR is not valid: must be a whole number from 0 to 23."),
        (
            {"LMS_REPORT_TIME_ZONE": "Berlin"},
            "LMS_REPORT_TIME_ZONE is not valid: must be a time zone such as Europe/Berlin or UTC.",
        ),
        (
            {"LMS_REPORT_TIME_ZONE": "Europe"},
            "LMS_REPORT_TIME_ZONE is not valid: must be a time zone such as Europe/Berlin or UTC.",
        ),
        (
            {"LMS_REPORT_TIME_ZONE": "../etc"},
            "LMS_REPORT_TIME_ZONE is not valid: must be a time zone such as Europe/Berlin or UTC.",
        ),
        ({"LMS_SMTP_HOST": None}, "LMS_REPORT_TO needs LMS_SMTP_HOST: set it to your mail server."),
        ({"LMS_SMTP_PORT": "0"}, "LMS_SMTP_PORT is not valid: must be a whole number from 1 to 65535."),
        ({"LMS_SMTP_PORT": "65536"}, "LMS_SMTP_PORT is not valid: must be a whole number from 1 to 65535."),
        ({"LMS_SMTP_TLS": "ssl"}, "LMS_SMTP_TLS is not valid: must be one of starttls, implicit, none."),
        (
            {"LMS_SMTP_TLS": "none"},
            "LMS_SMTP_TLS is none, which would show LMS_SMTP_PASSWORD: use starttls or implicit.",
        ),
        ({"LMS_SMTP_USER": None}, "LMS_SMTP_USER and LMS_SMTP_PASSWORD: set both, or neither."),
        ({"LMS_SMTP_PASSWORD": None}, "LMS_SMTP_USER and LMS_SMTP_PASSWORD: set both, or neither."),
        (
            {"LMS_SMTP_PASSWORD": "Größe"},
            "LMS_SMTP_USER and LMS_SMTP_PASSWORD: a login takes ASCII characters only.",
        ),
        (
            {"LMS_SMTP_USER": "Größe"},
            "LMS_SMTP_USER and LMS_SMTP_PASSWORD: a login takes ASCII characters only.",
        ),
        (
            {"LMS_SMTP_FROM": "lms"},
            (
                "LMS_SMTP_FROM is not valid: value is not a valid email address: "
                "An email address must have an @-sign."
            ),
        ),
    ],
)
def test_a_wrong_value_is_one_sentence(
    environment: pytest.MonkeyPatch, changes: dict[str, str | None], says: str
) -> None:
    assert _sentence(environment, changes) == says
