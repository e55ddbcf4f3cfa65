"""What training and grids share: model families, networks, optimizers, schedules."""

import logging

# It warns of an optional part of its own whenever peft loads it; nobody here can act on that.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
