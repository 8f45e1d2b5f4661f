"""Take the command line: arguments, terminal output, exit codes."""
