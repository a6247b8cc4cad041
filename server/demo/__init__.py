"""The demo shop: a looping live stream drawn and composed by script, and the story that runs beside it."""
