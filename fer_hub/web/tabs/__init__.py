"""The tabs of the page, one file for each.

Used by `web.page` alone. Imports the rest of `web` but the page, and everything below.
"""
