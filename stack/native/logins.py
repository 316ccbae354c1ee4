"""The login that the stack's stores ask for, in the form that each program reads.

Every user of the machine can reach what listens on loopback, so Prometheus, Alertmanager and Jaeger ask
for a password, as VictoriaLogs does. One password for the three: whoever needs one of them needs all.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import bcrypt
import yaml

USER: Final = "lms"
# The password is random and long: there is nothing to guess, and each program hashes it again after a start.
_ROUNDS: Final = 6
# The jobs of prometheus.yml whose targets ask for the login.
_JOBS: Final = {"prometheus", "alertmanager"}


def basic(password: str) -> str:
    """Returns the value of the Authorization header (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{USER}:{password}'.encode()).decode()}"


def headers(password: str) -> str:
    """Returns the file that the Collector and the canary send headers from: a YAML map."""
    return f"Authorization: {basic(password)}\n"


def web_config(password: str) -> str:
    """Returns what Prometheus and Alertmanager read from `--web.config.file`: the password's bcrypt hash."""
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(_ROUNDS)).decode()
    return yaml.safe_dump({"basic_auth_users": {USER: hashed}})


def with_login(url: str, password: str) -> str:
    """Returns the address with the login in it, for a client that sends it as basic authentication."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{USER}:{quote(password, safe='')}@{parts.netloc}"))


def prometheus_configuration(source: Path, password_file: str) -> str:
    """Returns the repository's prometheus.yml, with the login for itself and for Alertmanager added.

    Natively only: in Docker both can be reached from the containers' own network and from published ports.
    """
    configuration: dict[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
    login = {"username": USER, "password_file": password_file}
    for job in configuration["scrape_configs"]:
        if job["job_name"] in _JOBS:
            job["basic_auth"] = dict(login)
    for alertmanager in configuration["alerting"]["alertmanagers"]:
        alertmanager["basic_auth"] = dict(login)
    return (
        f"# Generated from {source.parent.name}/{source.name} at every start: edit that file.\n"
        + yaml.safe_dump(configuration, sort_keys=False, width=1000)
    )
