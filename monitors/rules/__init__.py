"""Prometheus rules, generated and tested: recordings, burn rates, alerts."""
