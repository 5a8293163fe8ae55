"""What may be called how often, and that every call ends.

numbers        what may be called at all
limits         how often and how many at once, across processes
journal        what a killed process leaves for its successor
conversation   one call on its way to the trunk, ended whatever becomes of the task that wanted it
reaper         all conversations of a process, and those that a killed one left
"""
