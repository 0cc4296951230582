"""Export to ONNX, its int8 variant, and their checks against PyTorch.

Used by the command line. Imports evaluation, data, inference, model and everything below; `inference` reads the files.
"""
