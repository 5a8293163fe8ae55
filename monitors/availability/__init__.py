"""The published figures: the class of each minute, periods, chains, quorums, budgets."""
