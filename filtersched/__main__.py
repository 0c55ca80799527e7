"""`python -m filtersched` is the command filtersched."""

import sys

from filtersched.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
