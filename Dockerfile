# The page in a container: docker build -t fer-hub . && docker run --rm -p 7860:7860 fer-hub
FROM python:3.12-slim
COPY packages.txt /tmp/
RUN apt-get update && xargs apt-get install --yes --no-install-recommends < /tmp/packages.txt && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.txt ./
# the default network runs on ONNX Runtime; for others leave torch and transformers in
RUN sed -E -i '/^(torch|transformers|captum|accelerate|datasets|scikit-learn)==/d' requirements.txt \
    && pip install --no-cache-dir -r requirements.txt
COPY LICENSE NOTICE README.md app.py ./
COPY fer_hub fer_hub
COPY checkpoints/photographs checkpoints/photographs
COPY examples examples
RUN useradd --create-home --uid 1000 visitor
USER visitor
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 HF_HUB_OFFLINE=1
EXPOSE 7860
HEALTHCHECK CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/healthz', timeout=5)"]
CMD ["python", "app.py"]
