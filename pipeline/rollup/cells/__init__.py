"""Visits are counted by every value of every dimension, and each value is shown or hidden.

In: visits/. Out: staged numbers of a site-day, judged by suppression/.
"""
