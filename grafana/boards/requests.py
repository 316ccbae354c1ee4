"""Queries about requests that several boards have: of recordings, as each route has hundreds of series."""

from __future__ import annotations

from typing import Final

from grafana.boards.common import SERVED

# As the alerts have it: without the probes and the monitoring API, whose 503 are on purpose.
_OPERATED: Final = "/api/v1/monitoring/.+|/livez|/readyz|/startupz"
ANSWERED: Final = f'{SERVED}, http_route!~"{_OPERATED}"'
OPERATION: Final = "http_request_method, http_route"
_SECONDS: Final = 300


def rate(selected: str = ANSWERED, by: str = "", since: str = "") -> str:
    """Returns requests per second over five minutes; ``since``: an offset, as ``offset 1w``."""
    return f"sum by ({by}) (route:http_responses:increase5m{{{selected}}} {since}) / {_SECONDS}"


def failed(selected: str = ANSWERED, by: str = "", since: str = "") -> str:
    """Returns the share of requests of five minutes that got a 5xx: 0 while none does."""
    every = f"sum by ({by}) (route:http_responses:increase5m{{{selected}}} {since})"
    broken = f'{selected}, http_response_status_code=~"5.."'
    errors = f"sum by ({by}) (route:http_responses:increase5m{{{broken}}} {since})"
    return f"({errors} or 0 * {every}) / ({every} > 0)"


def took(quantile: float, selected: str = ANSWERED, by: str = "", since: str = "") -> str:
    """Returns how many seconds the quantile of the requests of five minutes took."""
    labels = ", ".join(filter(None, ("le", by)))
    buckets = f"sum by ({labels}) (route:http_response_buckets:increase5m{{{selected}}} {since})"
    return f"histogram_quantile({quantile}, {buckets})"


def traces(condition: str) -> str:
    """Returns TraceQL for traces with a request, on the chosen routes, whose span fulfils a condition."""
    conditions = (
        'resource.service.name =~ "$service"',
        'resource.deployment.environment.name =~ "$environment"',
        "kind = server",
        'span.http.route =~ "$route"',
        f'span.http.route !~ "{_OPERATED}"',
        condition,
    )
    return f"{{ {' && '.join(conditions)} }}"
