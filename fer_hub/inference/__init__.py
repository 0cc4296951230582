"""Logits and probabilities for crops, from PyTorch or from ONNX Runtime.

Used by the pipeline, evaluation, training and export. Imports the values at the top of fer_hub, `model` and `hub`.
"""
