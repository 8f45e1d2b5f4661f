"""Join a cluster and leave it: what workers and the client share."""
