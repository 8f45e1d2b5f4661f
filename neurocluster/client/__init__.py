"""Be the client: encode frames, stream them, collect results."""
