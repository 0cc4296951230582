"""The command line `fer-hub`, one file for each command.

Nothing but tests imports it. It may import everything; `--help` imports neither torch nor mediapipe.
"""
