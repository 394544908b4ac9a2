"""Zephyr Scale Cloud, API v2: one file for each API resource, over any source project."""
