"""What was measured, kept for an auditor: the ledger, its file and tables, and who writes it."""
