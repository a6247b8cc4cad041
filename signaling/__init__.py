"""Admits connections, dispatches every incoming event through one door and sends every outgoing one through another."""
