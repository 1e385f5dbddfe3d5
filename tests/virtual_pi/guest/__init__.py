"""Programs of the virtual Pi's guest: Debian's own Python and nothing else."""
