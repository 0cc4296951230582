"""Video files: reading, face tracking, timelines, annotated videos.

Used by the web app and the command line. Imports the pipeline and what lies below it.
"""
