"""Settings of the report by mail: to whom, when, and through which mail server."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, EmailStr, Field, SecretStr, TypeAdapter, ValidationError, model_validator

from app.core.settings.kinds import Group

_ADDRESS: TypeAdapter[str] = TypeAdapter(EmailStr)


def addresses(value: str) -> list[str]:
    """Returns the mail addresses in a setting."""
    return [address.strip() for address in value.split(",") if address.strip()]


def _addresses(value: str) -> str:
    for address in addresses(value):
        try:
            _ADDRESS.validate_python(address)
        except ValidationError:
            raise ValueError(f"must be mail addresses separated by commas, and {address!r} is none") from None
    return value


def _time_zone(value: str) -> str:
    with suppress(KeyError, ValueError, OSError):  # OSError: the name is one of a folder
        ZoneInfo(value)
        return value
    raise ValueError("must be a time zone such as Europe/Berlin or UTC")


class ReportSettings(Group):
    """Settings of the report by mail; without ``report_to`` none is sent."""

    report_to: Annotated[str, AfterValidator(_addresses)] = Field(
        default="",
        description="Who gets the report by mail (head@example.org,ops@example.org); empty: nobody.",
    )
    report_weekly: bool = Field(default=True, description="Sends a report of each week, on Monday.")
    report_monthly: bool = Field(default=True, description="Sends a report of each month, on the first.")
    report_hour: int = Field(default=6, ge=0, le=23, description="Hour of the day at which reports are sent.")
    report_time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        default="UTC", description="Time zone in which weeks and months begin, such as Europe/Berlin."
    )
    smtp_host: str = Field(default="", description="Mail server that takes the report.")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    smtp_tls: Literal["starttls", "implicit", "none"] = Field(
        default="starttls",
        description="starttls (port 587), implicit (port 465), or none: the password is then never sent.",
    )
    smtp_user: str = Field(default="", description="User name for the mail server; empty: it asks for none.")
    smtp_password: SecretStr | None = Field(default=None, description="Password for the mail server.")
    smtp_from: EmailStr = Field(default="lms@example.org", description="Sender of the report.")

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        """Raises ValueError if the mail server or half of its login is missing."""
        if self.report_to and not self.smtp_host:
            raise ValueError("LMS_REPORT_TO needs LMS_SMTP_HOST: set it to your mail server")
        if bool(self.smtp_user) != bool(self.smtp_password and self.smtp_password.get_secret_value()):
            raise ValueError("LMS_SMTP_USER and LMS_SMTP_PASSWORD: set both, or neither")
        if not (self.smtp_user + (self.smtp_password or SecretStr("")).get_secret_value()).isascii():
            raise ValueError("LMS_SMTP_USER and LMS_SMTP_PASSWORD: a login takes ASCII characters only")
        if self.smtp_user and self.smtp_tls == "none":
            raise ValueError(
                "LMS_SMTP_TLS is none, which would show LMS_SMTP_PASSWORD: use starttls or implicit"
            )
        return self
