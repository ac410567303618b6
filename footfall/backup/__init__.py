"""Backups: one file with what is released and who may look at it, and a new instance made of one.

archive.py is the file, making.py what goes into it, restoring.py what comes out of it.
"""
