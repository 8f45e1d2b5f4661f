"""Code inputs into spikes and read classes out of them."""
