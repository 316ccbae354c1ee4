"""Slack's messages as documented: fields, types and limits of attachments and Block Kit.

Sources: docs.slack.dev/reference/methods/chat.postMessage, reference/block-kit/blocks and
messaging/formatting-message-text; attachments: legacy/legacy-messaging/legacy-secondary-message-attachments.
Texts that Slack would cut off are refused here, because their reader loses what was cut.
"""

from __future__ import annotations

import json
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

TEXT_LETTERS: Final = 40_000
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>|]+$", max_length=3000)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PlainText(_Strict):
    type: Literal["plain_text"]
    text: Annotated[str, Field(min_length=1, max_length=3000)]
    emoji: bool | None = None


class Markup(_Strict):
    type: Literal["mrkdwn"]
    text: Annotated[str, Field(min_length=1, max_length=3000)]
    verbatim: bool | None = None


AnyText = Annotated[PlainText | Markup, Field(discriminator="type")]


class HeadText(PlainText):
    text: Annotated[str, Field(min_length=1, max_length=150)]


class ButtonText(PlainText):
    text: Annotated[str, Field(min_length=1, max_length=75)]


class FieldMarkup(Markup):
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class FieldText(PlainText):
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class Button(_Strict):
    type: Literal["button"]
    text: ButtonText
    action_id: Id | None = None
    url: Url | None = None
    value: Annotated[str, Field(max_length=2000)] | None = None
    style: Literal["primary", "danger"] | None = None
    accessibility_label: Annotated[str, Field(max_length=75)] | None = None


class Picture(_Strict):
    type: Literal["image"]
    image_url: Url
    alt_text: Annotated[str, Field(max_length=2000)]
    title: PlainText | None = None
    block_id: Id | None = None


class Header(_Strict):
    type: Literal["header"]
    text: HeadText
    block_id: Id | None = None


class Divider(_Strict):
    type: Literal["divider"]
    block_id: Id | None = None


class Section(_Strict):
    type: Literal["section"]
    text: AnyText | None = None
    fields: Annotated[list[FieldMarkup | FieldText], Field(min_length=1, max_length=10)] | None = None
    accessory: Button | Picture | None = None
    expand: bool | None = None
    block_id: Id | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.text is None and self.fields is None:
            raise ValueError("a section needs text or fields")
        return self


class Context(_Strict):
    type: Literal["context"]
    elements: Annotated[list[PlainText | Markup | Picture], Field(min_length=1, max_length=10)]
    block_id: Id | None = None


class Actions(_Strict):
    type: Literal["actions"]
    elements: Annotated[list[Button], Field(min_length=1, max_length=25)]
    block_id: Id | None = None


Block = Annotated[Header | Section | Divider | Context | Actions | Picture, Field(discriminator="type")]
Blocks = Annotated[list[Block], Field(max_length=50)]


class AttachmentField(_Strict):
    title: str = ""
    value: str = ""
    short: bool | None = None


class AttachmentAction(_Strict):
    type: Literal["button"]
    text: Annotated[str, Field(min_length=1, max_length=75)]
    url: Url | None = None
    style: Literal["default", "primary", "danger", ""] | None = None
    name: str | None = None
    value: str | None = None


class Attachment(_Strict):
    color: Annotated[str, StringConstraints(pattern=r"^(good|warning|danger|#[0-9a-fA-F]{3,6}|)$")] = ""
    fallback: str = ""
    pretext: str = ""
    title: str = ""
    title_link: Url | Literal[""] = ""
    text: Annotated[str, Field(max_length=TEXT_LETTERS)] = ""
    callback_id: str = ""
    fields: list[AttachmentField] = []
    actions: Annotated[list[AttachmentAction], Field(max_length=5)] = []
    blocks: Blocks = []
    image_url: Url | Literal[""] = ""
    thumb_url: Url | Literal[""] = ""
    footer: Annotated[str, Field(max_length=300)] = ""
    footer_icon: Url | Literal[""] = ""
    ts: int | None = None
    mrkdwn_in: list[Literal["fallback", "pretext", "text", "fields"]] = []


class Message(_Strict):
    """A payload for an incoming webhook or for chat.postMessage."""

    channel: str = ""
    text: Annotated[str, Field(max_length=TEXT_LETTERS)] = ""
    blocks: Blocks = []
    attachments: Annotated[list[Attachment], Field(max_length=100)] = []
    username: str = ""
    icon_emoji: Annotated[str, StringConstraints(pattern=r"^(:[^:\s]+:|)$")] = ""
    icon_url: Url | Literal[""] = ""
    link_names: bool | None = None
    mrkdwn: bool | None = None
    thread_ts: Annotated[str, StringConstraints(pattern=r"^\d+\.\d{6}$")] | None = None
    unfurl_links: bool | None = None
    unfurl_media: bool | None = None


def parse(body: bytes) -> tuple[Message | None, str]:
    """Returns the message, or None and a sentence that names each wrong field."""
    try:
        fields = json.loads(body)
    except ValueError as error:
        return None, f"no JSON: {error}"
    try:
        return Message.model_validate(fields), ""
    except ValidationError as error:
        return None, "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())


def empty(message: Message) -> bool:
    """Returns whether nobody would see anything: Slack's error `no_text`."""
    seen = (message.text, message.blocks, message.attachments)
    return not any(seen)
