"""Peers: programs that run in an environment of their own, never in the project's.

The type checker does not follow them (`ignore-errors` in each file): what they import is installed
only under `benchmarks/.peers/`, so it could check nothing but their absence. The files are still
formatted and linted, and the benchmark itself checks that they do their work.
"""
