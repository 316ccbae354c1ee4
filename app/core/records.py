"""The shape that all stored documents share."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A stored document, immutable; its ``id`` is the document's ``_id``."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    id: str = Field(alias="_id")

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        """Returns the record that ``document`` holds."""
        return cls.model_validate(document)

    def document(self) -> dict[str, Any]:
        """Returns the document to store."""
        return self.model_dump(by_alias=True)
