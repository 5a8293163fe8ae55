"""Seeing it: Grafana dashboards, generated with grafanalib from the declared metrics."""
