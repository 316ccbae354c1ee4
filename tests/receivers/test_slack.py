"""The Slack that alerts are tested with refuses what Slack refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.receivers.slack import POST_MESSAGE, TOKEN, WEBHOOK, Slack

LONG = "x" * 3001
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*LmsDown* since 12:00"}}
GOOD: dict[str, Any] = {
    "attachments": [{"title": "LmsDown", "title_link": "https://lms.example/", "text": "It is down"}]
}


@pytest.fixture(name="slack")
def _slack() -> Iterator[Slack]:
    with Slack(frozenset({"#on-call"})) as slack:
        yield slack


def _hook(slack: Slack, payload: object) -> httpx.Response:
    return httpx.post(slack.webhook_url, json=payload)


def _method(slack: Slack, payload: object, token: str = TOKEN) -> Any:  # noqa: ANN401 - JSON
    return httpx.post(slack.api_url, json=payload, headers={"Authorization": f"Bearer {token}"}).json()


@pytest.mark.parametrize(
    "payload",
    [
        {"text": "It is down"},
        GOOD,
        {"text": "Fallback", "blocks": [SECTION, {"type": "divider"}]},
        {"attachments": [{"color": "#d00000", "blocks": [SECTION]}]},
    ],
)
def test_a_documented_message_is_shown(slack: Slack, payload: dict[str, Any]) -> None:
    answer = _hook(slack, payload)
    assert (answer.status_code, answer.text) == (200, "ok")
    assert [each.fields for each in slack.posts] == [payload]


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ([], "dictionary"),
        ({"text": "x" * 40_001}, "text"),
        ({"text": 5}, "text"),
        ({"texts": "a"}, "texts"),
        ({"blocks": [{**SECTION, "text": {"type": "mrkdwn", "text": LONG}}]}, "blocks.0.section.text"),
        ({"blocks": [{**SECTION, "text": {"type": "markdown", "text": "a"}}]}, "blocks.0.section.text"),
        ({"blocks": [{"type": "section"}]}, "needs text or fields"),
        ({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}, "header.text"),
        ({"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}, "header.text.type"),
        ({"blocks": [SECTION] * 51}, "blocks"),
        ({"attachments": [{"text": "a"}] * 101}, "attachments"),
        ({"attachments": [{"text": "a", "title_link": "javascript:alert(1)"}]}, "title_link"),
        ({"attachments": [{"text": "a", "actions": [{"type": "button", "text": "Go"}] * 6}]}, "actions"),
        ({"attachments": [{"text": "a", "color": "red"}]}, "color"),
    ],
)
def test_a_message_that_slack_would_not_show_is_refused(slack: Slack, payload: object, named: str) -> None:
    answer = _hook(slack, payload)
    assert (answer.status_code, answer.text) == (400, "invalid_payload")
    assert named in slack.refused[0]
    assert slack.posts == []


def test_an_empty_message_and_another_address_are_refused(slack: Slack) -> None:
    assert _hook(slack, {}).text == "no_text"
    assert httpx.post(f"{slack.url}{WEBHOOK}x", json=GOOD).status_code == 404
    assert httpx.post(slack.webhook_url, content=b"text=a").text == "invalid_payload"
    assert httpx.get(slack.webhook_url).status_code == 405
    assert (len(slack.refused), slack.posts) == (4, [])


def test_the_bot_posts_with_its_token_into_a_channel(slack: Slack) -> None:
    answer = _method(slack, {"channel": "#on-call", **GOOD})
    assert answer["ok"] is True
    assert answer["ts"].count(".") == 1
    assert slack.posts[0].message.channel == "#on-call"


@pytest.mark.parametrize(
    ("payload", "token", "error"),
    [
        ({"channel": "#on-call", **GOOD}, "xoxb-other", "invalid_auth"),
        (GOOD, TOKEN, "channel_not_found"),
        ({"channel": "#elsewhere", **GOOD}, TOKEN, "channel_not_found"),
        ({"channel": "#on-call"}, TOKEN, "no_text"),
        ({"channel": "#on-call", "blocks": [{"type": "section"}]}, TOKEN, "invalid_blocks"),
    ],
)
def test_the_bot_is_refused_with_the_documented_error(
    slack: Slack, payload: object, token: str, error: str
) -> None:
    assert _method(slack, payload, token) == {"ok": False, "error": error}
    assert slack.posts == []


def test_the_token_must_be_given(slack: Slack) -> None:
    assert httpx.post(f"{slack.url}{POST_MESSAGE}", json=GOOD).json()["error"] == "not_authed"


def test_links_and_mentions_are_seen(slack: Slack) -> None:
    _hook(
        slack,
        {"text": "<!channel> <https://evil.example|Runbook>", "attachments": [{"text": "&lt;!here&gt;"}]},
    )
    assert slack.posts[0].controls() == ["!channel", "https://evil.example|Runbook"]
    assert slack.posts[0].mentions() == ["!channel"]
