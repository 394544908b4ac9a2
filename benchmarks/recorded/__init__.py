"""A run of the engine is recorded, and its answers are given again by a server that is much faster than any client."""
