"""Imports from the side of a command: events through the steps of the collector into the store."""
