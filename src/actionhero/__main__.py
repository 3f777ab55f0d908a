"""`python -m actionhero` is the command `actionhero`."""

import sys

from actionhero.cli import main

if __name__ == "__main__":
    sys.exit(main())
