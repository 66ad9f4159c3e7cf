"""How the property tests draw their examples.

The gate draws the same examples at every run: what passed on one machine passes on the next. To
look for new ones, `make explore`; what it finds becomes an example in the test it broke.
"""

import os

from hypothesis import settings

# A slow machine is no failure: time belongs in benchmarks.
settings.register_profile("gate", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HANDRAIL_EXAMPLES", "gate"))
