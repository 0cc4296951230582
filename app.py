"""The Space: photographs, webcam and video in the browser, and an API. `python app.py` serves http://127.0.0.1:7860

`python app.py --help` shows the options. The environment variable FER_HUB_CHECKPOINT names a checkpoint folder or Hub
id that is offered first; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT choose the address, as for any Gradio app.
"""

import sys

from fer_hub.web.launch import main

if __name__ == "__main__":
    sys.exit(main())
