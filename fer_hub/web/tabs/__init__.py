"""The tabs of the page, one file per tab.

Used only by `web.page`. Imports the rest of `web` except the page, and everything below.
"""
