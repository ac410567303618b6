"""Pairs of dimensions (Q1): tables by two dimensions at once, of days and of blocks, and who of a cell reached a goal.

In: cells/, segments/. Out: staged rows of pairs; what waits for the block.
"""
