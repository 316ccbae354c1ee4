"""Messages as amtool renders them; ``python -m tests.alertmanager.golden`` rewrites the golden files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from stack.alerting.channels import templates
from tests.alertmanager.rendered import run

GOLDEN: Final = Path(__file__).with_name("golden")
ZONE: Final = "Europe/Berlin"
SINCE: Final = datetime(2026, 11, 27, 21, 30, 12, tzinfo=UTC)
FORMS: Final = {
    "slack.txt": '{{ template "lms.slack.title" . }}\n{{ template "lms.slack.text" . }}'
    '{{ template "lms.slack.footer" . }}\n{{ template "lms.color" . }}',
    "phone.txt": '{{ template "lms.phone.text" . }}',
    "mail.txt": '{{ template "lms.mail.subject" . }}\n\n{{ template "lms.mail.text" . }}',
    "mail.html": '{{ template "lms.mail.html" . }}',
}
LABELS: Final = {"alertname": "ApiErrors", "service_name": "lms", "severity": "page", "owner": "platform"}
NOTES: Final = {
    "summary": "12.3 % of requests fail",
    "description": "12.3 % of the requests of the last five minutes got a 5xx; more than 5 % is an outage.",
    "impact": "Learners see error pages; what they send is lost.",
    "runbook_url": "https://runbooks.lms.example/ApiErrors.md",
    "dashboard_url": "https://grafana.lms.example/d/lms-api?from=now-1h&to=now&var-service=lms",
    "logs_url": "https://logs.lms.example/select/vmui/#/?query=%22service.name%22%3A%22lms%22",
    "traces_url": "https://traces.lms.example/search?lookback=1h&service=lms",
}
HOSTILE: Final = (
    "<!channel> <@U012AB3CD> <#C1|x> <https://evil.example/a|Acknowledge> @here @anna http://evil.example/b"
    " www.evil.example evil.example *bold* _it_ `code` &lt;!here&gt; <script>alert(1)</script>"
    " <a href='//evil.example'>x</a> \"quoted\" \\ {{ .ExternalURL }} [x](http://evil.example/c)"
    "\r\nBcc: victim@lms.example\r\n\r\n\u202egnp.exe\u200b"
)


def alert(
    labels: Mapping[str, str] | None = None, notes: Mapping[str, str] | None = None, *, ended: bool = False
) -> dict[str, Any]:
    """Returns an alert as templates see it."""
    return {
        "status": "resolved" if ended else "firing",
        "labels": {**LABELS, **(labels or {})},
        "annotations": {**NOTES, **(notes or {})},
        "startsAt": SINCE.isoformat(),
        "endsAt": (SINCE + timedelta(minutes=42)).isoformat() if ended else "0001-01-01T00:00:00Z",
        "generatorURL": "http://127.0.0.1:9090/graph",
        "fingerprint": "5b1a2c3d4e5f6071",
    }


def group(*alerts: dict[str, Any], receiver: str = "on-call") -> dict[str, Any]:
    """Returns the data of one message."""
    return {
        "receiver": receiver,
        "status": "firing" if any(each["status"] == "firing" for each in alerts) else "resolved",
        "alerts": list(alerts),
        "groupLabels": {"service_name": alerts[0]["labels"]["service_name"]},
        "commonLabels": _common(*(each["labels"] for each in alerts)),
        "commonAnnotations": _common(*(each["annotations"] for each in alerts)),
        "externalURL": "https://alerts.lms.example",
    }


def _common(*maps: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in maps[0].items() if all(each.get(key) == value for each in maps)}


SLOW: Final = alert(
    {"alertname": "ApiSlow"}, {"summary": "Half of the requests take 4 s", "description": "More than 2 s."}
)
CASES: Final = {
    "page": group(alert()),
    "resolved": group(alert(ended=True)),
    "two": group(alert(), SLOW),
    "one-of-two-ended": group(alert(), {**SLOW, "status": "resolved", "endsAt": "2026-11-27T22:00:00Z"}),
    "escalated": group(alert(), receiver="escalation\\-second\\-line"),
    "warning": group(alert({"severity": "warning"})),
    "test": group(alert({"test": "true"})),
    "bare": group({**alert(), "annotations": {}}),
    "hostile": group(
        alert(
            {"alertname": HOSTILE, "path": HOSTILE},
            dict.fromkeys(NOTES, HOSTILE) | {"logs_url": "javascript:alert(1)"},
        )
    ),
    "many": group(
        *(alert({"instance": f"10.0.0.{n}:8000"}, {"summary": f"Instance {n} fails"}) for n in range(40))
    ),
    "huge": group(
        alert({"path": "ä" * 10_000}, dict.fromkeys(("summary", "description", "impact"), "ö" * 10_000))
    ),
}


@cache
def _templates() -> tempfile.TemporaryDirectory[str]:
    kept = tempfile.TemporaryDirectory(prefix="templates-")
    for name, text in templates(ZONE).items():
        (Path(kept.name) / name).write_text(text, encoding="utf-8")
    return kept


def render(text: str, data: Mapping[str, Any], *, html: bool = False) -> str:
    """Returns what amtool makes of a template.

    Raises:
        AssertionError: the template is wrong.
    """
    folder = Path(_templates().name)
    file = folder / "data.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    kind = "html" if html else "text"
    done = run(
        *("amtool", "template", "render", f"--template.glob={folder}/*.tmpl", f"--template.type={kind}"),
        *(f"--template.text={text}", f"--template.data={file}"),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.rstrip() + "\n"


def message(form: str, case: str) -> str:
    """Returns a message of a case in one of the forms."""
    return render(FORMS[form], CASES[case], html=form.endswith(".html"))


def main() -> None:
    """Rewrites the golden files."""
    for case in CASES:
        for form in FORMS:
            path = GOLDEN / f"{case}.{form}"
            path.parent.mkdir(exist_ok=True)
            path.write_text(message(form, case), encoding="utf-8")


if __name__ == "__main__":
    main()
