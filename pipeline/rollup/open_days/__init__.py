"""Days that still go on: each value is shown as of its last snapshot but one (rule N7).

In: cells/. Out: rows of open days.
"""
