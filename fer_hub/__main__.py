"""`python -m fer_hub`: the same as `fer-hub`."""

import sys

from fer_hub.commands import main

if __name__ == "__main__":
    sys.exit(main())
