"""The tabs of the page, one file per tab.

Used by `web.page` alone. Imports the rest of `web` except the page, and everything below.
"""
