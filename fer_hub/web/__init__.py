"""The web app: the page, its tabs (`web/tabs/`), its API endpoints, and the protection of the server.

Used by app.py and the command line. Imports the pipeline, video, hub and everything below; nothing imports it.
"""
