"""The parts of the Space that are not the page itself."""
