"""Measurements on this machine: `make bench` prints one table and writes JSON."""
