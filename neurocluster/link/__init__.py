"""Keep the rules of links: packets, order, counts, frames."""
