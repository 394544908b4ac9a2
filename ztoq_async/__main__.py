"""`python -m ztoq_async`."""

import sys

from ztoq_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
