"""Builds and finds the programs that the native stack runs.

`catalogue` says what there is, `cache` where it lies, `go` and `wheels` make one tool each,
`build` orders the work and `progress` shows it. Other code uses `stack.native.tools`.
"""
