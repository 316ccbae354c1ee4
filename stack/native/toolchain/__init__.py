"""Builds and finds the programs that the native stack runs.

`catalogue` lists the tools, `cache` locates them, `go` and `wheels` build one tool each, `build`
schedules the work and `progress` shows it. Other code uses `stack.native.tools`.
"""
