"""Read data sets; hold those that ship with the package."""
