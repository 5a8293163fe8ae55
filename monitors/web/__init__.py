"""What the monitor serves: metrics, status page, debug pages; who may see them."""
