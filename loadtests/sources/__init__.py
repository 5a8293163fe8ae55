"""Where shapes come from: CSV files, access logs and Prometheus, each turned into one `Counted`."""
