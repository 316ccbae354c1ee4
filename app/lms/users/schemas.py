from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    EmailStr,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from app.core.records import Record
from app.core.security import Role
from app.core.weak_passwords import MAX_LENGTH, MIN_LENGTH, weakness

UserId = Annotated[
    str,
    StringConstraints(pattern=r"^usr_[0-9a-f]{20}$", max_length=24),
    Field(examples=["usr_3f9ad2c4b1e05d6f7a88"]),
]
TOKEN: Final = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJqdGlfM2Y5YSJ9.c2lnbmVk"  # noqa: S105 - the shape of one
Email = Annotated[EmailStr, Field(max_length=254), AfterValidator(str.lower)]  # RFC 5321, 4.5.3.1.3
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class Step(StrEnum):
    """The steps after registration, each counted once per learner."""

    ENROLLED = "enrolled"
    COMPLETED = "completed"


class User(Record):
    """A stored account; ``email`` is unique and in lower case, ``role_version`` counts role changes.

    `Admins` decides whether the role `Role.ADMIN` is in force.
    """

    email: str
    name: str
    role: Role
    role_version: int = 0
    password_hash: str
    created_at: datetime


class Registration(BaseModel):
    """Creates an account."""

    email: Email = Field(examples=["ada@example.org"])
    name: Name = Field(examples=["Ada Lovelace"])
    password: SecretStr = Field(
        min_length=MIN_LENGTH, max_length=MAX_LENGTH, examples=["correct horse battery"]
    )

    @field_validator("password")
    @classmethod
    def _not_guessed_first(cls, password: SecretStr, others: ValidationInfo) -> SecretStr:
        known = (others.data.get("email", ""), others.data.get("name", ""))
        if reason := weakness(password.get_secret_value(), *known):
            raise PydanticCustomError(
                "password_weak", "Choose another password: {reason}", {"reason": reason}
            )
        return password


class Credentials(BaseModel):
    """Signs in."""

    email: Email = Field(examples=["ada@example.org"])
    password: SecretStr = Field(min_length=1, max_length=MAX_LENGTH, examples=["correct horse battery"])


class Refresh(BaseModel):
    """Extends a session."""

    refresh_token: str = Field(
        min_length=1, max_length=2000, description="The latest one; each works once.", examples=[TOKEN]
    )


class RoleChange(BaseModel):
    """Gives a user another role."""

    role: Role = Field(examples=["instructor"])


class UserOut(BaseModel):
    """An account, as its owner and admins see it."""

    id: str = Field(examples=["usr_3f9ad2c4b1e05d6f7a88"])
    email: str = Field(examples=["ada@example.org"])
    name: str = Field(examples=["Ada Lovelace"])
    role: Role = Field(examples=["student"])
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """Returns the public fields of ``user``."""
        return cls(id=user.id, email=user.email, name=user.name, role=user.role, created_at=user.created_at)


class TokenPair(BaseModel):
    """The tokens of a session (RFC 6749, 5.1)."""

    access_token: str = Field(description="For the header `Authorization: Bearer`.", examples=[TOKEN])
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme, not a secret
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[600])
    refresh_token: str | None = Field(
        description="Valid for one refresh; null while the session store is down: sign in again later.",
        examples=[TOKEN],
    )
