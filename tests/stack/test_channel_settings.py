"""Settings of channels: a wrong one is refused in a sentence that names the variable and the fix."""

from __future__ import annotations

import pytest

from otel import ConfigError
from stack.channel_settings import ChannelSettings

MAIL = {"STACK_MAIL_TO": "a@lms.example", "STACK_MAIL_SMARTHOST": "smtp.lms.example:587"}
LOGIN = {"STACK_MAIL_USER": "alerts", "STACK_MAIL_PASSWORD": "planted-secret"}
REFUSED = [
    (
        {"STACK_SLACK_WEBHOOK_URL": "hooks.slack/planted-secret"},
        "STACK_SLACK_WEBHOOK_URL is not valid: must be a web",
    ),
    ({"STACK_SLACK_BOT_TOKEN": "planted-secret"}, "STACK_SLACK_BOT_TOKEN needs STACK_SLACK_CHANNEL"),
    ({"STACK_SLACK_CHANNEL": "#a"}, "STACK_SLACK_CHANNEL needs STACK_SLACK_BOT_TOKEN"),
    ({"STACK_MANAGEMENT_SLACK_CHANNEL": "#a"}, "STACK_MANAGEMENT_SLACK_CHANNEL needs STACK_SLACK_BOT_TOKEN"),
    ({**MAIL, "STACK_MAIL_TO": "a@lms.example, nobody"}, "separated by commas; 'nobody' is none"),
    (
        {**MAIL, "STACK_MAIL_TO": "a{{b@lms.example"},
        "STACK_MAIL_TO is not valid: must be one line without `{{`",
    ),
    (
        {**MAIL, "STACK_MAIL_FROM": "a@lms.example\nBcc: x@lms.example"},
        "STACK_MAIL_FROM is not valid: must be one line",
    ),
    (
        {**MAIL, "STACK_MAIL_FROM": "a@lms.example, b@lms.example"},
        "STACK_MAIL_FROM is not valid: must be one mail",
    ),
    *(
        ({**MAIL, "STACK_MAIL_TO": f"a@lms.example, {each}"}, f"{each!r} is none")
        for each in (".b@lms.example", "b.@lms.example", "b..c@lms.example", f"{'b' * 65}@lms.example")
    ),
    *(
        ({**MAIL, "STACK_MAIL_SMARTHOST": each}, "must be host:port, such as smtp.example.org:587")
        for each in (
            "::1:25",
            "[::x]:25",
            "smtp.lms.example:587:587",
            "smtp.lms.example:0",
            "a:\u0665\u0668\u0667",
        )
    ),
    *(
        ({f"STACK_{name}": each}, f"STACK_{name} is not valid: must be a web address")
        for name in ("SLACK_WEBHOOK_URL", "WATCHDOG_URL", "PAGERDUTY_URL", "WEBHOOK_URLS")
        for each in ("https://a.example/%zz", "https://a.example/planted-secret,https://b.example/%")
    ),
    *(
        ({f"STACK_{name}": f"https://a.example/x,{blank}https://b.example/y"}, f"STACK_{name} is not valid")
        for name in ("SLACK_WEBHOOK_URL", "WATCHDOG_URL", "MANAGEMENT_SLACK_WEBHOOK_URL")
        for blank in ("", " ")
    ),
    ({"STACK_MAIL_TO": "a@lms.example"}, "STACK_MAIL_TO needs STACK_MAIL_SMARTHOST"),
    ({"STACK_MAIL_SMARTHOST": "smtp.lms.example:587"}, "STACK_MAIL_SMARTHOST needs STACK_MAIL_TO"),
    ({**MAIL, "STACK_MAIL_SMARTHOST": "smtp.lms.example"}, "must be host:port, such as smtp.example.org:587"),
    ({**MAIL, "STACK_MAIL_SMARTHOST": "smtp.lms.example:465"}, "set STACK_MAIL_TLS=implicit"),
    (
        {**MAIL, "STACK_MAIL_TLS": "ssl"},
        "STACK_MAIL_TLS is not valid: must be one of starttls, implicit, none",
    ),
    ({**MAIL, "STACK_MAIL_USER": "alerts"}, "STACK_MAIL_USER needs STACK_MAIL_PASSWORD"),
    ({**MAIL, **LOGIN, "STACK_MAIL_TLS": "none"}, "would send STACK_MAIL_PASSWORD unencrypted"),
    ({**MAIL, "STACK_MAIL_CA_FILE": "/nowhere/ca.pem"}, "must be the absolute path of a file that exists"),
    ({"STACK_SECOND_LINE_MAIL_TO": "a@lms.example"}, "STACK_SECOND_LINE_MAIL_TO needs STACK_MAIL_SMARTHOST"),
    ({"STACK_WEBHOOK_URLS": "https://a.example, ftp://planted-secret"}, "STACK_WEBHOOK_URLS is not valid"),
    ({"STACK_TELEGRAM_BOT_TOKEN": "planted-secret"}, "needs STACK_TELEGRAM_CHAT_ID"),
    ({"STACK_TELEGRAM_BOT_TOKEN": "1:a", "STACK_TELEGRAM_CHAT_ID": "ops"}, "must be the number of a chat"),
    ({"STACK_PUSHOVER_TOKEN": "planted-secret"}, "STACK_PUSHOVER_TOKEN needs STACK_PUSHOVER_USER_KEY"),
    ({"STACK_TIME_ZONE": "Europe/Atlantis"}, "must be a time zone of the tz database, such as Europe/Berlin"),
    ({"STACK_BUSINESS_HOURS": "mo-fr 8-18"}, "must be days and times, such as `mon-fri 08:00-18:00`"),
    ({"STACK_BUSINESS_HOURS": "mon-fri 18:00-08:00"}, "must be days and times"),
    ({"STACK_BUSINESS_HOURS": "fri-mon 08:00-18:00"}, "must name the earlier day of the week first"),
    ({"STACK_MAINTENANCE_FILE": "maintenance.yml"}, "must be the absolute path of a file that exists"),
    (
        {"STACK_ALERTMANAGER_URL": "alerts.lms.example"},
        "STACK_ALERTMANAGER_URL is not valid: must be a web address",
    ),
    (
        {
            "STACK_SLACK_BOT_TOKEN": "x",
            "STACK_SLACK_CHANNEL": "#a",
            "STACK_SLACK_WEBHOOK_URL": "https://a.example",
        },
        "are both set: remove one of them",
    ),
]


@pytest.mark.parametrize(("given", "sentence"), REFUSED)
def test_a_wrong_setting_is_refused_in_one_sentence_without_a_secret(
    given: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        ChannelSettings.from_env(given)
    (only,) = caught.value.sentences
    assert sentence in only
    assert "planted-secret" not in only


def test_everything_may_be_unset_and_values_are_normalized() -> None:
    assert ChannelSettings.from_env({}).mail_to is None
    found = ChannelSettings.from_env(
        {
            **MAIL,
            **LOGIN,
            "STACK_MAIL_TO": "a@lms.example,b@lms.example ",
            "STACK_BUSINESS_HOURS": "Mon-Fri 08:00-18:00",
        }
    )
    assert found.mail_to == "a@lms.example, b@lms.example"
    assert found.business_hours == "mon-fri 08:00-18:00"


@pytest.mark.parametrize(
    ("given", "mode"), [("true", "starttls"), ("false", "none"), ("implicit", "implicit")]
)
def test_the_old_values_of_mail_tls_still_work(given: str, mode: str) -> None:
    assert ChannelSettings.from_env({"STACK_MAIL_TLS": given}).mail_tls == mode


def test_a_login_over_loopback_needs_no_encryption() -> None:
    given = {**MAIL, **LOGIN, "STACK_MAIL_SMARTHOST": "127.0.0.1:1025", "STACK_MAIL_TLS": "none"}
    assert ChannelSettings.from_env(given).mail_user == "alerts"


@pytest.mark.parametrize("host", ["[::1]:25", "127.0.0.1:25", "relay:587"])
def test_a_relay_may_have_any_kind_of_address(host: str) -> None:
    assert ChannelSettings.from_env({**MAIL, "STACK_MAIL_SMARTHOST": host}).mail_smarthost == host
