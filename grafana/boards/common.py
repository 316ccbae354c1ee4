"""What several boards have: variables, links, annotations."""

from __future__ import annotations

from typing import Final

from grafana.board import Choice
from grafana.panels import Link
from grafana.queries import Query

ENVIRONMENT: Final = Choice("environment", "Environment", "target_info", "deployment_environment_name")
SERVICE: Final = Choice(
    "service", "Service", 'target_info{deployment_environment_name=~"$environment"}', "service_name"
)
INSTANCE: Final = Choice(
    "instance",
    "Instance",
    'target_info{deployment_environment_name=~"$environment", service_name=~"$service"}',
    "instance",
)
USUAL: Final = (ENVIRONMENT, SERVICE, INSTANCE)
# Selects what the variables chose, in every query about a service.
CHOSEN: Final = 'deployment_environment_name=~"$environment", service_name=~"$service", instance=~"$instance"'
# The same for what is recorded over all instances.
SERVED: Final = 'deployment_environment_name=~"$environment", service_name=~"$service"'


def to(uid: str, title: str, chosen: str = "") -> Link:
    """Returns a link to another board, with the time range; ``chosen``: its variables, as ``&var-slo=…``."""
    return Link(title, f"/d/{uid}?${{__url_time_range}}{chosen}")


# Variables that a link to another board of the platform takes along.
KEPT: Final = "&${environment:queryparam}&${service:queryparam}&${instance:queryparam}"
# The eight instances whose event loop is late the most.
LOOP_DELAYS: Final = Query(
    f"topk(8, max by (instance) (instance:event_loop_lag:p99_5m{{{CHOSEN}}}))", legend="{{instance}}"
)
_POOL: Final = "instance, db_client_connection_pool_name"
_USED: Final = f'db_client_connection_count{{{CHOSEN}, db_client_connection_state="used"}}'
# The share of each pool that is in use, of the eight fullest.
POOLS_USED: Final = Query(
    f"topk(8, sum by ({_POOL}) ({_USED}) / on ({_POOL}) db_client_connection_max{{{CHOSEN}}})",
    legend="{{db_client_connection_pool_name}} of {{instance}}",
)
