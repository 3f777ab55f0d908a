"""Proofs by test suites of others, too slow for every run: `make autobahn`."""
