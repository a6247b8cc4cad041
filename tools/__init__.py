"""The workshop: makes the environment, builds the front ends and runs every check. Nothing here is installed."""
