"""Settings of the notification channels: who is notified of alerts, and through what."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from otel import EnvSettings

PREFIX: Final = "STACK_"
TIERS: Final = ("", "second_line_", "management_")
"""How the settings of who is notified first, second and third begin."""
_IMPLICIT_TLS_PORT: Final = 465
_VERSION_6: Final = 6
# RFC 5321 without quoted local parts, which relays refuse. A company's relay also knows names without a dot.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS: Final = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_HOST_PORT: Final = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|[^\s/@:\[\]]+):(?P<port>[0-9]{1,5})")
# Blanks, quotes, a percent sign that starts no escape, and a second address.
_NO_ADDRESS: Final = re.compile(r"[\s\"<>]|%(?![0-9A-Fa-f]{2})|,https?://")
_CHAT: Final = re.compile(r"-?[0-9]{1,19}")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = "|".join(_DAYS)
_CLOCK: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00"
_HOURS: Final = re.compile(rf"(?P<days>(?:{_DAY})(?:-(?:{_DAY}))?) (?P<start>{_CLOCK})-(?P<end>{_CLOCK})")


def _address(value: str) -> str:
    """Returns a web address; rejects anything else."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # an impossible port
        usable = False
    if not usable or _NO_ADDRESS.search(value):
        raise ValueError("must be a web address, such as https://example.org/path")
    return value


def _recipients(value: str) -> str:
    """Returns mail addresses, separated by commas."""
    wanted = [each.strip() for each in value.split(",")]
    for address in wanted:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"must be mail addresses, separated by commas; {address!r} is none")
    return ", ".join(wanted)


def _sender(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError(f"must be one mail address; {value!r} is none")
    return value


def _ipv6(text: str) -> bool:
    try:
        return ip_address(text).version == _VERSION_6
    except ValueError:
        return False


def _smarthost(value: str) -> str:
    match = _HOST_PORT.fullmatch(value)
    usable = match is not None and 0 < int(match["port"]) < 2**16
    if not usable or (match and match["v6"] and not _ipv6(match["v6"])):
        raise ValueError("must be host:port, such as smtp.example.org:587")
    return value


def _chat(value: object) -> int:
    if not _CHAT.fullmatch(str(value)) or not int(str(value)):
        raise ValueError("must be the number of a chat, such as -1001234567890; a bot's getUpdates shows it")
    return int(str(value))


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("must be a time zone of the tz database, such as Europe/Berlin")
    return value


def _hours(value: str) -> str:
    """Returns days and times; rejects days and times that do not exist, and an end before the start."""
    match = _HOURS.fullmatch(value.lower())
    if match is None or match["start"] >= match["end"]:
        raise ValueError("must be days and times, such as `mon-fri 08:00-18:00`")
    days = [_DAYS.index(day) for day in match["days"].split("-")]
    if days != sorted(days):
        raise ValueError("must name the earlier day of the week first, such as `mon-fri 08:00-18:00`")
    return value.lower()


def _tls(value: object) -> object:
    """Returns the mode; the setting was on or off once."""
    return {"true": "starttls", "on": "starttls", "false": "none", "off": "none"}.get(
        str(value).lower(), value
    )


def _addresses(value: SecretStr) -> SecretStr:
    """Returns web addresses, separated by commas."""
    for each in value.get_secret_value().split(","):
        _address(each.strip())
    return value


def _secret_address(value: SecretStr) -> SecretStr:
    _address(value.get_secret_value())
    return value


def _readable(path: Path) -> Path:
    if not path.is_absolute() or not path.is_file():
        raise ValueError("must be the absolute path of a file that exists")
    return path


SecretUrl = Annotated[SecretStr, AfterValidator(_secret_address)]
SecretUrls = Annotated[SecretStr, AfterValidator(_addresses)]
Url = Annotated[str, AfterValidator(_address)]
Recipients = Annotated[str, AfterValidator(_recipients)]
Chat = Annotated[int, BeforeValidator(_chat)]


def _secret(description: str) -> Any:  # noqa: ANN401 - as Field
    return Field(default=None, repr=False, description=description)


def _plain(description: str) -> Any:  # noqa: ANN401 - as Field
    return Field(default=None, description=description)


class ChannelSettings(EnvSettings):
    """The notification channels, each on its own: one that is not set is left out.

    A field ``mail_to`` is read from ``STACK_MAIL_TO`` and is ``${MAIL_TO}`` in alertmanager.yml; a secret
    becomes the file ``secrets/<field>``.
    """

    model_config = SettingsConfigDict(alias_generator=lambda name: PREFIX + name.upper())

    slack_webhook_url: SecretUrl | None = _secret("Slack's incoming webhook, for pages and warnings")
    slack_bot_token: SecretStr | None = _secret("Instead: a Slack app's bot token; needs STACK_SLACK_CHANNEL")
    slack_channel: str | None = _plain("The channel that the bot posts to, such as #alerts")
    slack_api_url: Url | None = _plain("Where the bot posts, if not to Slack itself")
    mail_to: Recipients | None = _plain(
        "Who gets pages by mail, separated by commas; needs STACK_MAIL_SMARTHOST"
    )
    mail_from: Annotated[str, AfterValidator(_sender)] = Field(
        default="alerts@lms.invalid", description="Sender of alert mails"
    )
    mail_smarthost: Annotated[str, AfterValidator(_smarthost)] | None = _plain("host:port of the mail relay")
    mail_user: str | None = _plain("Login at the mail relay, if it asks for one")
    mail_password: SecretStr | None = _secret("Password of STACK_MAIL_USER")
    mail_tls: Annotated[Literal["starttls", "implicit", "none"], BeforeValidator(_tls)] = Field(
        default="starttls",
        description="`starttls` refuses a relay that does not offer it, `implicit` is for port 465, `none`",
    )
    mail_ca_file: Annotated[Path, AfterValidator(_readable)] | None = _plain(
        "Certificates that the mail relay's must be signed by, instead of the system's; an absolute path"
    )
    webhook_urls: SecretUrls | None = _secret(
        "Addresses that get every notification as Alertmanager's JSON, separated by commas"
    )
    pagerduty_routing_key: SecretStr | None = _secret(
        "PagerDuty's integration key (Events API v2), for pages"
    )
    pagerduty_url: Url | None = _plain("PagerDuty's address, if not https://events.pagerduty.com/v2/enqueue")
    telegram_bot_token: SecretStr | None = _secret("Telegram bot, for pages; needs STACK_TELEGRAM_CHAT_ID")
    telegram_chat_id: Chat | None = _plain("The chat that the bot writes to")
    telegram_url: Url | None = _plain("A Bot API server of your own, instead of https://api.telegram.org")
    pushover_token: SecretStr | None = _secret(
        "Pushover application, for pages; needs STACK_PUSHOVER_USER_KEY"
    )
    pushover_user_key: SecretStr | None = _secret("Pushover's user or group")
    opsgenie_api_key: SecretStr | None = _secret("Opsgenie's API key, for pages")
    opsgenie_url: Url | None = _plain("Opsgenie's address, such as https://api.eu.opsgenie.com/")
    watchdog_url: SecretUrl | None = _secret(
        "POSTed to every five minutes while alerting works, for an external monitor (a Sentry cron monitor's"
        " check-in address, for example)"
    )

    second_line_slack_webhook_url: SecretUrl | None = _secret(
        "The second line is notified of a page that nobody acknowledges: its Slack webhook"
    )
    second_line_slack_channel: str | None = _plain("Its channel, for STACK_SLACK_BOT_TOKEN")
    second_line_mail_to: Recipients | None = _plain("Its mail addresses, through STACK_MAIL_SMARTHOST")
    second_line_pagerduty_routing_key: SecretStr | None = _secret("Its PagerDuty integration key")
    second_line_telegram_chat_id: Chat | None = _plain("Its chat, for STACK_TELEGRAM_BOT_TOKEN")
    second_line_pushover_user_key: SecretStr | None = _secret("Its Pushover user, for STACK_PUSHOVER_TOKEN")
    second_line_opsgenie_api_key: SecretStr | None = _secret("Its Opsgenie API key")
    management_slack_webhook_url: SecretUrl | None = _secret(
        "Management is notified of a page that nobody acknowledges after the second line: its Slack webhook"
    )
    management_slack_channel: str | None = _plain("Its channel, for STACK_SLACK_BOT_TOKEN")
    management_mail_to: Recipients | None = _plain("Its mail addresses, through STACK_MAIL_SMARTHOST")
    management_pagerduty_routing_key: SecretStr | None = _secret("Its PagerDuty integration key")
    management_telegram_chat_id: Chat | None = _plain("Its chat, for STACK_TELEGRAM_BOT_TOKEN")
    management_pushover_user_key: SecretStr | None = _secret("Its Pushover user, for STACK_PUSHOVER_TOKEN")
    management_opsgenie_api_key: SecretStr | None = _secret("Its Opsgenie API key")

    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="Time zone of messages, business hours and maintenance windows"
    )
    business_hours: Annotated[str, AfterValidator(_hours)] | None = _plain(
        "When warnings reach Slack, such as `mon-fri 08:00-18:00`; those of the night follow in the morning"
    )
    maintenance_file: Annotated[Path, AfterValidator(_readable)] | None = _plain(
        "Calendar of maintenance windows, an absolute path; docs/alerting.md has an example"
    )
    alertmanager_url: Url | None = _plain(
        "Alertmanager's address in messages, as a phone reaches it; default: http://127.0.0.1 and its port"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_template(cls, value: object) -> object:
        """Rejects what Alertmanager would expand, and a line break, which no header or secret has."""
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, str) and ("{{" in text or re.search(r"[\x00-\x1f\x7f]", text.strip())):
            raise ValueError("must be one line without `{{`")
        return text.strip() if isinstance(text, str) else value

    @model_validator(mode="after")
    def _channels_are_whole(self) -> Self:
        """Raises ValueError naming a variable whose counterpart is missing, and the fix."""
        for tier in TIERS:
            self._needs(f"{tier}slack_channel", "slack_bot_token")
            self._needs(f"{tier}mail_to", "mail_smarthost")
            self._needs(f"{tier}telegram_chat_id", "telegram_bot_token")
            self._needs(f"{tier}pushover_user_key", "pushover_token")
        for field, counterpart in (
            ("slack_bot_token", "slack_channel"),
            ("mail_smarthost", "mail_to"),
            ("mail_user", "mail_password"),
            ("mail_password", "mail_user"),
            ("mail_user", "mail_smarthost"),
            ("telegram_bot_token", "telegram_chat_id"),
            ("pushover_token", "pushover_user_key"),
        ):
            self._needs(field, counterpart)
        if self.slack_webhook_url and self.slack_bot_token:
            raise ValueError(
                "STACK_SLACK_WEBHOOK_URL and STACK_SLACK_BOT_TOKEN are both set: remove one of them"
            )
        return self

    def _needs(self, field: str, counterpart: str) -> None:
        if getattr(self, field) is not None and getattr(self, counterpart) is None:
            first, second = PREFIX + field.upper(), PREFIX + counterpart.upper()
            raise ValueError(f"{first} needs {second}: set both or neither")

    @model_validator(mode="after")
    def _mail_is_encrypted_as_its_port_expects(self) -> Self:
        """Raises ValueError for what a relay or Alertmanager's SMTP client would refuse."""
        if self.mail_smarthost is None:
            return self
        host, _, port = self.mail_smarthost.rpartition(":")
        if int(port) == _IMPLICIT_TLS_PORT and self.mail_tls != "implicit":
            raise ValueError(
                "STACK_MAIL_SMARTHOST has port 465, which is encrypted at once: set STACK_MAIL_TLS=implicit"
            )
        if self.mail_user and self.mail_tls == "none" and not _loopback(host):
            raise ValueError(
                "STACK_MAIL_TLS=none would send STACK_MAIL_PASSWORD unencrypted: set STACK_MAIL_TLS=starttls"
            )
        return self


def _loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
