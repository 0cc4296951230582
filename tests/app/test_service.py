"""What the page and the API share."""

import threading

from fer_hub.pipeline import FERPipeline
from fer_hub.web.service import Service


def test_while_a_network_is_loaded_requests_for_others_go_on(tiny_checkpoint, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    load = FERPipeline.from_pretrained

    def slow_for_one(checkpoint, **options):
        if checkpoint == "slow":
            begun.set()
            go_on.wait()
        return load(tiny_checkpoint, **options)

    monkeypatch.setattr(FERPipeline, "from_pretrained", slow_for_one)  # a Hub that takes its time
    with Service({"fast": tiny_checkpoint, "slow": "slow"}) as service:
        service.pipeline("fast")
        waiting = threading.Thread(target=service.pipeline, args=("slow",))
        waiting.start()
        begun.wait()
        asked = threading.Thread(target=service.pipeline, args=("fast",), daemon=True)
        asked.start()
        asked.join(30)
        answered = not asked.is_alive()
        go_on.set()
        waiting.join()
        assert answered and service.pipeline("slow")
