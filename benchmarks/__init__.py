"""Benchmarks against other frameworks. Nothing here is part of the package; see README.md in this folder."""
