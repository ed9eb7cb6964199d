"""Benchmarks: each compares things within one run, since machines are shared and noisy."""
