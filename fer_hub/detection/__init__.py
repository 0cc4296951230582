"""Face detection and framing: YuNet and BlazeFace, scores, quality, and square crops as in FER-2013.

Used by the pipeline, the data of photos, video and the web app. Imports only the values at the top of fer_hub
(boxes, images, results).
"""
