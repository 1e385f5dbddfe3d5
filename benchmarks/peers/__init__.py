"""Programs of others that do the same job, each in an environment of its own from PyPI."""
