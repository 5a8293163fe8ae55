"""One synthetic person around the clock: probes, verdicts, ledger, availability, rules, exporter."""
