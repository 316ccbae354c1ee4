"""Checks the boards: what the JSON schema allows and people would still curse."""
