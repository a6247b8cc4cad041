"""Tests of the workshop itself: the environment, the runner, the rules it holds."""
