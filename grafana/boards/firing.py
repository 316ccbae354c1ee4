"""Which alerts fire, and where people acknowledge them."""

from __future__ import annotations

from typing import Final

from grafana import looks
from grafana.panels import Link

# Nobody is notified of severity none: the Watchdog always fires, RecentOutage only inhibits.
FIRING: Final = '{severity=~"page|warning|info"}'
# Grafana's pages of the external Alertmanager, which the data source's name selects. There each alert has a
# button that fills in a silence of all its labels: of fewer, it would silence other alerts too.
ACKNOWLEDGE: Final = Link("Acknowledge", "/alerting/groups?alertmanager=${alerts:text}")
SILENCES: Final = Link("Silences", "/alerting/silences?alertmanager=${alerts:text}")
# Colours of a count of what should not be there at all.
ANY: Final = ((None, looks.GOOD), (1, looks.BAD))
