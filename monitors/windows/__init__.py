"""Announced maintenance: calendars, working days, windows entered by hand."""
