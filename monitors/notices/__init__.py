"""The duty to tell: which message is due when, its text in two languages, and the archive of all that was said."""
