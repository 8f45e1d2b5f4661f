"""Find what would keep a cluster from running, before anything of it starts."""
