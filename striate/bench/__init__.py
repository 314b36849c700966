"""Measurements: what the machine can do at most, and how near striate comes. `striate bench` prints them."""
