"""Zephyr Scale Cloud (API v2): its records and a client that reads them."""
