"""Video files: reading, following persons over time, timelines, annotated copies.

Used by the web app and the command line. Imports the pipeline and what lies below it.
"""
