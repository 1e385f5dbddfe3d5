"""Figures that anybody can check: `benchmarks/run`.

A client is measured alone, in a process of its own, beside the floor: the least program that
does the same with `websockets` and nothing else. The two take turns within one run, because
machines are noisy; what counts is the median of the ratios of neighbours.
"""
