"""What is declared after a day was released: counted from raw rows, and held against all that the day tells (rule N6).

In: visits/, cells/, segments/, pairs/. Out: whether it is told, and its numbers.
"""
