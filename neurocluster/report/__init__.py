"""Draw what runs and experiments left: figures and one page."""
