"""Moves a test library from Zephyr Scale to Tricentis qTest."""
