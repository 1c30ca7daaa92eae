"""`make guide-check`: every command of the guide and of README.md is run, or tried offline.

The guide is read as an operator reads it: block after block, in one shell. The programs of that
shell decide what becomes of a command (`programs.py`); the cluster is the production overlay
behind an API server of our own (`cluster/`), which kubectl talks to as to any other.
"""
