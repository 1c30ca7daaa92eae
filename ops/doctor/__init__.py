"""`manage.py doctor`: what would bite in production, and what to do about each.

Each app contributes topics by dotted path (`DOCTOR`): functions that take a Visit and yield
findings. A topic asks nobody outside of the house unless the visit says so.
"""
