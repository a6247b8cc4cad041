"""The catalogue and its printed copies."""
