"""Figures that anybody can check: `benchmarks/run`.

A client is measured in a process of its own, beside the floor: the least program that does the same
with `websockets` and nothing else. The two work in turn, because machines are noisy (`in_turn`);
what counts is the median of the ratios of neighbours. Results are kept part by part (`results`).
"""
