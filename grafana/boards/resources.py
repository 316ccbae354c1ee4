"""Board 5: does the machine have enough of everything? resources_runtime.py has the programs on it."""

from __future__ import annotations

from typing import Final

from grafana.board import Board, Choice, Row
from grafana.boards.changes import STARTED
from grafana.boards.common import USUAL
from grafana.boards.resources_runtime import PROCESS, RUNTIME, STORES
from grafana.panels import About, Limit, Query, lines, stat, words

_HOST: Final = Choice("host", "Host", "system_cpu_logical_count", "host_name")
# The platform's process reports some figures of the machine under the same names; the Collector's have a
# state or a device.
_OF_HOST: Final = 'host_name=~"$host"'
_BUSY: Final = f'1 - avg by (host_name) (system_cpu_utilization_ratio{{{_OF_HOST}, state="idle"}})'
_MEMORY: Final = f'max by (host_name) (system_memory_utilization_ratio{{{_OF_HOST}, state="used"}})'
_DISK: Final = f"mountpoint:filesystem_use:max_ratio{{{_OF_HOST}}}"
_HOURS: Final = f"mountpoint:filesystem_full:hours{{{_OF_HOST}}}"
_INODES: Final = f"mountpoint:filesystem_inodes_use:max_ratio{{{_OF_HOST}}}"
_FILLS: Final = "no disk fills"
_PLACE: Final = "{{host_name}} {{mountpoint}}"

_NOW: Final = Row(
    "Now",
    (
        words(
            About("What this board answers", "The question, and where to look first.", width=24, height=3),
            "**Does the machine have enough of everything, and what runs out first?** Use, then what waits, "
            "then errors: CPU, memory, disk, network, then the platform's own process. Red: the runbook is "
            "in the panel's description. `Host` chooses the machine, `Instance` the process.",
        ),
        stat(
            About(
                "CPU in use",
                "Of all CPUs of the busiest host, now. Red for 15 minutes: runbook HostCpuBusy.",
                unit="percentunit", width=6, height=4, limit=Limit("host_cpu"),
            ),
            Query(f"max({_BUSY})", now=True),
        ),
        stat(
            About(
                "Memory in use",
                "Without what the kernel can give back, of the fullest host. Red: runbook HostMemoryLow.",
                unit="percentunit", width=6, height=4, limit=Limit("host_memory"),
            ),
            Query(f"max({_MEMORY})", now=True),
        ),
        stat(
            About(
                "Fullest disk",
                "Of all disks of the chosen hosts. Red: runbook HostDiskFilling, from "
                "${host_disk_used_page:text} on HostDiskFull.",
                unit="percentunit", width=6, height=4, limit=Limit("host_disk_used"),
            ),
            Query(f"max({_DISK})", now=True),
        ),
        stat(
            About(
                "Hours until a disk is full",
                "Of the one that is full first, by its trends of one and of six hours. Red: runbook "
                "HostDiskFilling.",
                unit="h", width=6, height=4, limit=Limit("host_disk_hours", below=True), empty=_FILLS,
            ),
            Query(f"min({_HOURS})", now=True),
        ),
    ),
)  # fmt: skip

_CPU: Final = Row(
    "CPU and memory",
    (
        lines(
            About(
                "CPU in use, over time",
                "By host. Above the line for 15 minutes requests queue: runbook HostCpuBusy.",
                unit="percentunit", width=8, limit=Limit("host_cpu"),
            ),
            Query(f"topk(8, {_BUSY})", legend="{{host_name}}"),
        ),
        lines(
            About(
                "Waiting for a CPU",
                "Runnable threads per CPU, averaged over a minute. Above 1, threads wait: runbook "
                "HostCpuBusy.",
                width=8,
            ),
            Query(
                f"topk(8, max by (host_name) (system_cpu_load_average_1m{{{_OF_HOST}}})"
                f" / max by (host_name) (system_cpu_logical_count{{{_OF_HOST}}}))",
                legend="{{host_name}}",
            ),
        ),
        lines(
            About(
                "CPU by what it does",
                "Share of the CPU time of all chosen hosts. Much wait is the disk; much steal is another "
                "machine on the same hardware.",
                unit="percentunit", width=8,
            ),
            Query(
                f'avg by (state) (system_cpu_utilization_ratio{{{_OF_HOST}, state!~"|idle"}})',
                legend="{{state}}",
            ),
        ),
        lines(
            About(
                "Memory in use, over time",
                "By host, without caches and buffers. Above the line: runbook HostMemoryLow.",
                unit="percentunit", width=8, limit=Limit("host_memory"),
            ),
            Query(f"topk(8, {_MEMORY})", legend="{{host_name}}"),
        ),
        lines(
            About(
                "Read back from swap",
                "Bytes per second, over five minutes: each is a wait. What is swapped out and stays there "
                "is harmless. Above the line: runbook HostSwapping.",
                unit="Bps", width=8, limit=Limit("host_swap_in_rate"),
            ),
            Query(
                f'topk(8, sum by (host_name) (rate(system_paging_operations_total{{{_OF_HOST}, type="major", '
                'direction="page_in"}[5m])))',
                legend="{{host_name}}",
            ),
        ),
        lines(
            About(
                "Memory by what it is for",
                "Of all chosen hosts. Used grows without end: find the process in the row of the stack's "
                "own programs.",
                unit="bytes", width=8,
            ),
            Query(f'sum by (state) (system_memory_usage_bytes{{{_OF_HOST}, state!=""}})', legend="{{state}}"),
        ),
    ),
)  # fmt: skip

_DISKS: Final = Row(
    "Disk and network",
    (
        lines(
            About(
                "Disk in use",
                "By host and mount point. Above the line: runbook HostDiskFilling.",
                unit="percentunit", width=8, limit=Limit("host_disk_used"),
            ),
            Query(f"topk(8, {_DISK})", legend=_PLACE),
        ),
        lines(
            About(
                "Hours until full",
                "By the slower of the trends of one and of six hours, 30 days at most. Below the line and "
                "more than ${host_disk_used_trend:text} full: runbook HostDiskFilling. No line: it does not "
                "fill.",
                unit="h", width=8, limit=Limit("host_disk_hours", below=True), empty=_FILLS,
            ),
            Query(f"bottomk(8, clamp_max({_HOURS}, 720))", legend=_PLACE),
        ),
        lines(
            About(
                "Inodes in use",
                "By host and mount point: many small files. Above the line: runbook HostInodesLow.",
                unit="percentunit", width=8, limit=Limit("host_inodes_used"), empty="these have no inodes",
            ),
            Query(f"topk(8, {_INODES})", legend=_PLACE),
        ),
        lines(
            About(
                "Disk reads and writes",
                "Bytes per second, of the eight busiest devices.",
                unit="Bps", width=8,
            ),
            Query(
                "topk(8, sum by (host_name, device, direction) "
                f'(rate(system_disk_io_bytes_total{{{_OF_HOST}, device!=""}}[$__rate_interval])))',
                legend="{{host_name}} {{device}} {{direction}}",
            ),
        ),
        lines(
            About(
                "Disk busy",
                "Share of the time in which a device had something to do. 100 % for minutes: the database "
                "waits for it; runbook DatabaseSlow.",
                unit="percentunit", width=8,
            ),
            Query(
                "topk(8, sum by (host_name, device) "
                f"(rate(system_disk_io_time_seconds_total{{{_OF_HOST}}}[$__rate_interval])))",
                legend="{{host_name}} {{device}}",
            ),
        ),
        lines(
            About(
                "Network",
                "Bytes per second, of the eight busiest interfaces and directions; `lo` is between the "
                "programs of one machine.",
                unit="Bps", width=8,
            ),
            Query(
                "topk(8, sum by (host_name, device, direction) "
                f"(rate(system_network_io_bytes_total{{{_OF_HOST}}}[$__rate_interval])) > 0)",
                legend="{{host_name}} {{device}} {{direction}}",
            ),
        ),
        lines(
            About(
                "Network packets lost",
                "Errors and drops per second by interface. Any for minutes: cable, driver or a full queue.",
                unit="pps", width=24, height=6,
            ),
            Query(
                "topk(8, sum by (host_name, device) "
                f"(rate(system_network_errors_total{{{_OF_HOST}}}[$__rate_interval])"
                f" + rate(system_network_dropped_total{{{_OF_HOST}}}[$__rate_interval])))",
                legend="{{host_name}} {{device}}",
            ),
        ),
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="lms-resources",
    title="Resources and runtime",
    question="Does the machine have enough of everything, and what runs out first?",
    variables=(*USUAL, _HOST),
    rows=(_NOW, _CPU, _DISKS, PROCESS, RUNTIME, STORES),
    notes=(STARTED,),
)
