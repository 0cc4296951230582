"""Logits, probabilities, features and heat maps of crops, from PyTorch or from ONNX Runtime, which needs no torch.

Used by the pipeline, evaluation, training and export. Imports the values at the top of fer_hub, `model`,
`detection` and `hub`.
"""
