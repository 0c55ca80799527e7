"""`python -m filtersched.ovirt` is filtersched-proxy."""

import sys

from filtersched.ovirt.main import main

sys.exit(main())
