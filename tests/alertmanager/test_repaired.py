"""An outage of half an hour is repaired: as long as its burn goes on, RecentOutage keeps that back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from tests.alertmanager import rendered

_REQUESTS: Final = (
    'http_server_request_duration_seconds_count{service_name="lms", instance="a", http_request_method="GET", '
    'http_route="/api/v1/courses", http_response_status_code='
)
# Every 15 s: an hour in order, half an hour of failures, an hour in order.
SERIES: Final = {
    f'{_REQUESTS}"200"}}': "0+30x240 7200x119 7230+30x240",
    f'{_REQUESTS}"503", error_type="503"}}': "_x241 30+30x119 3600x240",
    # As rules/database.yml: from some seconds after the fault until a minute after the repair.
    'ALERTS{alertname="DatabaseDown", alertstate="firing", severity="page"}': "_x242 1x122 stale",
}
BURNS: Final = 'ALERTS{alertname="SloBurnFast", alertstate="firing"}'
LEFT: Final = (
    f'{BURNS} unless on () ALERTS{{alertname="RecentOutage", cause="DatabaseDown", alertstate="firing"}}'
    ' unless on (slo) ALERTS{alertname="RecentOutage", slo!="", alertstate="firing"}'
)
FILES: Final = ("slo-recordings.yml", "slo.yml", "outages.yml")


def _case(expression: str, at: str, found: bool) -> dict[str, Any]:  # noqa: FBT001 - the cases read well
    samples = [{"labels": "{}", "value": 1}] if found else []
    return {"expr": f"count({expression}) > bool 0", "eval_time": at, "exp_samples": samples}


def test_from_the_repair_on_no_burn_is_left_to_page(tmp_path: Path) -> None:
    test = {
        "interval": "15s",
        "input_series": [{"series": series, "values": values} for series, values in SERIES.items()],
        "promql_expr_test": [
            _case(BURNS, "119m", found=True),  # it does go on, long after the repair at 90m
            *(_case(LEFT, f"{minute}m", found=False) for minute in range(62, 151)),
        ],
    }
    rules = [str(rendered.tested() / "rules" / name) for name in FILES]
    file = tmp_path / "cases.yml"
    file.write_text(yaml.safe_dump({"rule_files": rules, "evaluation_interval": "15s", "tests": [test]}))
    done = rendered.run("promtool", "test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
