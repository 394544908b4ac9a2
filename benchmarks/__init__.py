"""Benchmarks of ztoq_async: `python -m benchmarks` runs all, `python -m benchmarks NAME …` some."""
