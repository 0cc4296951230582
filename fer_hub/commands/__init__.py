"""The command line `fer-hub`, one file for each command.

Used by nothing but `python -m fer_hub`. It may import everything, but inside the commands only: `--help` imports
neither torch nor transformers nor mediapipe.
"""

from fer_hub.commands.line import main

__all__ = ["main"]
