"""Queries to the error tracker of the Compose stack."""

from __future__ import annotations

from functools import cache

import httpx

from stack.error_links import BUGSINK_PROJECT
from tests.stack.docker.clone import Clone

NEW_TOKEN = "set -a && . /run/secrets/bugsink_env && bugsink-manage create_auth_token"


def issues(clone: Clone) -> dict[str, str]:
    """Returns the trace id of each failed request that was reported, by its request id; alerts have none."""
    with httpx.Client(
        base_url=f"{clone.url('STACK_PORT_BUGSINK')}/api/canonical/0/",
        headers={"Authorization": f"Bearer {_token(clone)}"},
        timeout=60,
    ) as client:
        found = (
            client.get("issues/", params={"project": str(BUGSINK_PROJECT)})
            .raise_for_status()
            .json()["results"]
        )
        events = [
            client.get(f"events/{event['id']}/").raise_for_status().json()["data"]
            for issue in found
            for event in client.get("events/", params={"issue": issue["id"]})
            .raise_for_status()
            .json()["results"]
        ]
    return {
        event["tags"]["request_id"]: event["contexts"]["trace"]["trace_id"]
        for event in events
        if "request_id" in event["tags"]
    }


@cache
def _token(clone: Clone) -> str:
    return clone.compose("exec", "-T", "bugsink", "sh", "-c", NEW_TOKEN).split()[-1]
