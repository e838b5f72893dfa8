"""
The pure core: origins, paths, policy, request and decision.

Nothing in this room knows Flask, the environment, a clock, a logger or a file.
"""
