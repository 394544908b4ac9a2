"""The report of a run: JSON and a page that a person can read."""
