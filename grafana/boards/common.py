"""What several boards have: variables, links, annotations."""

from __future__ import annotations

from typing import Final

from grafana.board import Choice
from grafana.panels import Link

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
