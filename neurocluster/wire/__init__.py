"""Define the bytes that processes exchange."""
