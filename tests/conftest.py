"""Settings that all tests share."""

from hypothesis import settings

# A first call compiles or loads kernels, and machines are shared: no time limits.
settings.register_profile("neurocluster", deadline=None)
settings.load_profile("neurocluster")
