"""Be a worker: one partition, packets in, packets out."""
