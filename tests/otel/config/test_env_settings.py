"""The base class of all settings: what it says about each kind of mistake, and what it must not say."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from otel import ConfigError, EnvSettings, Setting

PLANTED = "hunter2-hunter2"


class Shop(EnvSettings):
    """Settings of some service."""

    model_config = SettingsConfigDict(alias_generator=lambda name: f"SHOP_{name.upper()}")
    prefix = "SHOP_"
    remedy = "ask the operator"

    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="where it listens")
    ratio: float = Field(0.5, gt=0, le=1)
    workers: int = Field(2, ge=1)
    mode: Literal["fast", "safe"] = "safe"
    public: bool = False
    title: str = ""
    lifetime: timedelta = timedelta(minutes=2)
    token: SecretStr = Field(min_length=16)
    database_url: Annotated[str, Field(pattern="^db://")] = Field("db://here", repr=False)
    voucher: SecretStr | None = Field(None, min_length=20, validation_alias="VOUCHER")


class TalkativeShop(Shop):
    """The same, where errors show values."""

    shows_values = True


SET = {"SHOP_TOKEN": PLANTED + PLANTED}


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("SHOP_PORT", "many", "SHOP_PORT is not valid: must be a whole number from 1 to 65535."),
        ("SHOP_PORT", "70000", "SHOP_PORT is not valid: must be a whole number from 1 to 65535."),
        ("SHOP_PORT", "9" * 5000, "SHOP_PORT is not valid: must be a whole number from 1 to 65535."),
        ("SHOP_PORT", "80.5", "SHOP_PORT is not valid: must be a whole number from 1 to 65535."),
        ("SHOP_RATIO", "nan", "SHOP_RATIO is not valid: must be a number above 0 to 1."),
        ("SHOP_RATIO", "0", "SHOP_RATIO is not valid: must be a number above 0 to 1."),
        ("SHOP_WORKERS", "0", "SHOP_WORKERS is not valid: must be a whole number from 1."),
        ("SHOP_MODE", "slow", "SHOP_MODE is not valid: must be one of fast, safe."),
        ("SHOP_PUBLIC", "maybe", "SHOP_PUBLIC is not valid: must be on or off, or true or false."),
        ("SHOP_TITLE", "a\udcff", "SHOP_TITLE is not valid: must be UTF-8."),
        ("SHOP_TOKEN", PLANTED, "SHOP_TOKEN is not valid: must have at least 16 characters."),
        ("SHOP_TOKEN", "", "SHOP_TOKEN is missing: ask the operator."),
        ("VOUCHER", PLANTED, "VOUCHER is not valid: must have at least 20 characters."),
        ("SHOP_PROT", "1", "SHOP_PROT is not a setting: did you mean SHOP_PORT?"),
        ("SHOP_ZZZZZZ", "", "SHOP_ZZZZZZ is not a setting: remove it."),
    ],
)
def test_a_mistake_is_one_sentence_with_the_variable_and_the_fix(key: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Shop.from_env({**SET, key: value})
    assert (caught.value.key, caught.value.sentences) == (key, (sentence,))
    assert str(caught.value) == sentence


def test_all_mistakes_are_reported_at_once_unknown_variables_first() -> None:
    with pytest.raises(ConfigError) as caught:
        Shop.from_env({"SHOP_PORT": "x", "SHOP_X": "1", "SHOP_MODE": "y"})
    assert [each.split()[0] for each in caught.value.sentences] == [
        "SHOP_X",
        "SHOP_PORT",
        "SHOP_MODE",
        "SHOP_TOKEN",
    ]


@pytest.mark.parametrize("value", ["", " ", "\t"])
def test_a_blank_value_counts_as_unset(value: str) -> None:
    assert Shop.from_env({**SET, "SHOP_PORT": value}).port == 8000


def test_only_the_exact_name_of_a_variable_counts() -> None:
    assert Shop.from_env({**SET, "shop_port": "1", "port": "2", "Shop_Port": "3"}).port == 8000


def test_the_constructor_takes_fields_and_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PORT", "1")
    monkeypatch.setenv("SHOP_X", "unknown")
    assert Shop(token=SecretStr(PLANTED * 2), workers=3).port == 8000
    with pytest.raises(ConfigError, match="must be one of fast, safe"):
        Shop(token=SecretStr(PLANTED * 2), mode="slow")


@pytest.mark.parametrize("kind", [Shop, TalkativeShop])
def test_a_secret_is_in_no_error_and_no_repr(kind: type[Shop]) -> None:
    wrong = {"SHOP_TOKEN": PLANTED, "SHOP_DATABASE_URL": PLANTED, "VOUCHER": PLANTED}
    with pytest.raises(ConfigError) as caught:
        kind.from_env({**wrong, "SHOP_TITLE": "\udcff"})
    assert [each.split()[0].partition("=")[0] for each in caught.value.sentences] == [
        "SHOP_TITLE",
        "SHOP_TOKEN",
        "SHOP_DATABASE_URL",
        "VOUCHER",
    ]
    right = kind.from_env({**SET, "SHOP_DATABASE_URL": f"db://u:{PLANTED}@h"})
    assert PLANTED not in f"{caught.value!r} {caught.value} {caught.value.__context__} {right!r} {right}"


def test_a_value_is_shown_where_that_is_wanted_without_a_password_in_it() -> None:
    with pytest.raises(ConfigError, match=r"^SHOP_MODE='http://…@h' is not valid: must be one of"):
        TalkativeShop.from_env({**SET, "SHOP_MODE": f"http://u:{PLANTED}@h"})


def test_the_variables_are_listed_with_their_defaults_as_written() -> None:
    assert Shop.variables()[0] == Setting("SHOP_PORT", "8000", "where it listens")
    assert {each.key: each.default for each in Shop.variables()} == {
        "SHOP_PORT": "8000",
        "SHOP_RATIO": "0.5",
        "SHOP_WORKERS": "2",
        "SHOP_MODE": "safe",
        "SHOP_PUBLIC": "false",
        "SHOP_TITLE": "",
        "SHOP_LIFETIME": "120s",
        "SHOP_TOKEN": None,
        "SHOP_DATABASE_URL": "db://here",
        "VOUCHER": "",
    }
    assert {each.key for each in Shop.variables() if each.secret} == {
        "SHOP_TOKEN",
        "SHOP_DATABASE_URL",
        "VOUCHER",
    }
