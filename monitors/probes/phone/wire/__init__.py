"""Sockets of a call: where the trunk is (`srv`) and the way to it (`transport`)."""
