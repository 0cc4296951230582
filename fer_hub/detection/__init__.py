"""Finding faces and framing them: YuNet and BlazeFace, scores, quality, and the square that FER-2013 cuts out.

Used by the pipeline, the data of photographs, video and the web app. Imports only the values at the top of fer_hub
(boxes, images, results).
"""
