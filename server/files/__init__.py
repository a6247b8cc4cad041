"""Keeps bytes: taken in bounded, made anew in a sandboxed child, laid on a shelf, shown at signed addresses."""
