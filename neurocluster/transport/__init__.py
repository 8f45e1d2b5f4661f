"""Move packets between processes, or within one."""
