"""Many people at once: traffic shapes, arrivals, the load engine under Locust, verdict and report."""
