"""Previews: dashboards drawn from live data without Grafana, to be looked at before they are shipped."""
