"""Piekwacht shown on one machine: replica, monitor and load as the separate processes they are in real use.

This room knows the others by their commands only: it starts `piekwacht ...`, watches `/metrics` and reads the files.
"""
