"""Train a facial expression network: `python train.py --help` shows how; the program is `fer_hub.training.main`."""

import sys

from fer_hub.training.main import main
from fer_hub.training.memory import keep_memory

if __name__ == "__main__":
    keep_memory()
    try:
        main()
    except (OSError, ValueError) as error:  # what is refused is said in one sentence; other errors show where
        sys.exit(f"error: {error}")
