"""Piekwacht shown on one machine: replica, monitor and load together, with a fault in the middle."""
