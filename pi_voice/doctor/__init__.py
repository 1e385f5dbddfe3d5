"""Looks for what keeps a box from working, and names the command that repairs it.

`system` reads the machine, `facts` keeps what was read, the checks turn facts into findings,
`examination` runs the checks, each with its time limit, and `page` shows what they found.
"""
