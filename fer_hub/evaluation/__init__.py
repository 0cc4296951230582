"""Measuring checkpoints: metrics, class maps, calibration, reports.

Used by training, export and the command line. Imports data, inference, the pipeline and everything below.
"""
