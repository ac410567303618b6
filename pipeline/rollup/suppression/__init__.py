"""Statistical disclosure control: which numbers are hidden, so that none of too few people follows.

In: numbers, and how many people and networks are behind them. Out: which are shown. Primary suppression is the
threshold in ../rule.py; here are the complementary ones: of tables, hierarchies, funnels, moves and segments.
"""
