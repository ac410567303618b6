"""Raw rows of a day become visits, with their events, goals, measurements and properties.

In: `raw_events`. Out: `visits`, and tables of one run (../scratch.py). Knows nothing of what is shown.
"""
