"""Segments (Q2): declared combinations of conditions, counted and judged by what else the day tells.

In: cells/. Out: staged rows of segments, of their goals and of their web vitals.
"""
