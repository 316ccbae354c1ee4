"""The health checks' defaults, generated from alertmanager/thresholds.yml; do not edit."""

from typing import Final

CPU: Final = 0.95
LOAD: Final = 4
MEMORY: Final = 0.95
SWAP: Final = 0.8
DESCRIPTORS_USED: Final = 0.8
EVENT_LOOP_LAG: Final = 0.5
POOL: Final = 0.9
REDIS_MEMORY: Final = 0.9
QUEUE: Final = 0.8
DISK_FREE: Final = 0.05
DISK_HOURS: Final = 24
