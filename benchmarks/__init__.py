"""Measures the desk beside peers that do the same job, all in one run. Reports; never judges."""
