"""HF_ENDPOINT as people type it."""

import subprocess
import sys

from tests.hub.stand_in import HubStandIn
from tests.hub.stand_in_repository import Repository

LOAD = """
from fer_hub import FERForImageClassification
print(FERForImageClassification.from_pretrained("user/fer").config.num_labels)
"""


def test_a_slash_at_the_end_of_the_endpoint(tiny_checkpoint, tmp_path):
    with HubStandIn() as hub:
        hub.repositories["models", "user/fer"] = repository = Repository(private=False)
        repository.change("a network", **{path.name: path.read_bytes() for path in tiny_checkpoint.iterdir()})
        variables = hub.environment(tmp_path, token=None) | {"HF_ENDPOINT": f"{hub.url}/"}
        environment = {"PATH": "", "PYTHONPATH": ":".join(filter(None, sys.path)), **variables}
        done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "7", done.stderr
