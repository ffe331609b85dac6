"""The HTTP edge of every function: it validates requests and turns errors into problem+json."""

import gc

gc.disable()  # a start makes little garbage, and the search takes a fifth of it; `prepare_server` enables it again
