"""Meet workers and a client, wire them, watch them."""
