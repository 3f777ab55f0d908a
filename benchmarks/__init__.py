"""Benchmarks: each compares with a reference that runs beside it, and prints the ratio.

Rules:
- A figure is a ratio within one run. The machine is shared, so absolute numbers of two runs are
  not compared; contestants take turns (A B C, A B C, ...) and medians are taken.
- Whoever is timed has first been seen to answer rightly.
- A peer runs in an environment of its own, with its versions pinned in the script that uses it,
  at the best setting that we found for it.
"""
