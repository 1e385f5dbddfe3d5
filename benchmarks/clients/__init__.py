"""What is measured; each module but `pace` is a program that prints JSON.

`floor_…` is the least that does the same as `layer_…` with `websockets` alone.
"""
