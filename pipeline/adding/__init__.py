"""What is declared later is counted on released days, each as a release of its own beside the day's (rule N6).

In: what is declared, and days whose raw rows live. Out: rows and a manifest entry; rollup/added/ says whether.
"""
