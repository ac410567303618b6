"""Blocks: weeks and four weeks, which tell what each of their days hides (rule N2).

In: what waits since the day was released. Out: staged rows of blocks.
"""
