"""Backups: taken, proved by restoring them, and brought back.

A backup is a dump (`pg_dump -Fc`) and its manifest beside it, which is written last: a dump
without a manifest is not a backup. The files say all; rows of `ops.Backup` are for metrics,
health and the admin, and may be written anew from the manifests.
"""
