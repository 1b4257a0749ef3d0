"""Checks a folder of anybody's tables: repairs what is safe, sets bad rows aside, tells all of it at once.

`whole.py` says what a check does, in its order.
"""
