"""The tests of the whole project: run them with `./run test`."""
