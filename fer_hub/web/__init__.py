"""The web app: the page, its tabs (`web/tabs/`), the endpoints of its API, and what protects the server.

Used by app.py and the command line. Imports the pipeline, video, hub and everything below; nothing imports it.
"""
