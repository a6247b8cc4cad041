"""The journal of a run and the checker of its invariants I1 to I6."""
