"""A replica of the estate with switchable faults, to test against on one machine."""
