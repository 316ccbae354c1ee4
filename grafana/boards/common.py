"""What several boards have: variables, links, annotations."""

from __future__ import annotations

from typing import Final

from grafana.board import Choice

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
