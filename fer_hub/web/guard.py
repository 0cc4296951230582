"""Checks every input before gradio does, and turns every error into one sentence."""

import json
import logging
import os
from typing import Any

import gradio as gr
from gradio.exceptions import Error
from gradio.utils import get_upload_folder

from fer_hub.web.disk import FULL, is_full
from fer_hub.web.logged import Limited
from fer_hub.web.sentences import broken, refuse, short
from fer_hub.web.uploads import secured

_log = logging.getLogger(__name__)
_LOGGED = Limited(_log)


class Page(gr.Blocks):
    """`gr.Blocks` that checks every input before gradio does, and turns every error into one sentence."""

    async def preprocess_data(self, block_fn, inputs, state, explicit_call=False):
        wanted = block_fn.inputs
        inputs = [*inputs, *(_default(block) for block in wanted[len(inputs) :])]
        try:
            for position, block in enumerate(wanted):
                if not block.stateful:
                    inputs[position] = await secured(block, inputs[position])
        except gr.Error:
            raise
        except Exception as error:
            if is_full(error):
                raise
            _log.debug("an input could not be checked", exc_info=True)
            raise refuse("the input is malformed; see the API page for its form.") from None
        values = []
        for position, block in enumerate(wanted):
            if isinstance(block, gr.Textbox) and isinstance(inputs[position], dict):
                inputs[position] = json.dumps(inputs[position])  # a JSON object, as text that holds one
            values.append(inputs[position])
            try:  # one by one, so that the sentence can name the input
                if not block.stateful:
                    _check(block, inputs[position])
            except (TypeError, ValueError):
                raise refuse(_must_be(block, inputs[position])) from None
        try:
            return await super().preprocess_data(block_fn, values, state, explicit_call)
        except Error as error:
            if error.print_exception:  # gradio's own error, which may name its internals
                raise refuse("an input is invalid; see the API page for what each must be.") from None
            raise
        except Exception as error:
            if is_full(error):
                raise
            _log.debug("an invalid input", exc_info=True)
            raise refuse("an input is malformed; see the API page for its form.") from None
        finally:
            _forget_frames(wanted, state)

    async def process_api(self, block_fn, *args: Any, event_id: str | None = None, **options: Any) -> dict[str, Any]:
        try:
            return await super().process_api(block_fn, *args, event_id=event_id, **options)
        except Error as error:
            if is_full(error.__cause__ or error.__context__ or error):
                self._no_room(block_fn, event_id, error.__cause__ or error.__context__ or error)
                raise refuse(FULL) from None
            raise
        except Exception as error:
            if is_full(error):
                self._no_room(block_fn, event_id, error)
                raise refuse(FULL) from None
            if (getattr(block_fn.fn, "__module__", None) or "gradio").startswith("gradio"):
                # one of gradio's own functions, such as for examples: the page calls them correctly, so another client
                _log.debug("a request failed", exc_info=True)
                raise refuse("the request is malformed; see the API page for the endpoints.") from None
            _LOGGED.line(logging.ERROR, "failed: /%s, id %s", block_fn.api_name, event_id, error=error)
            raise refuse(broken(event_id)) from None

    def _no_room(self, block_fn: Any, event_id: str | None, error: BaseException) -> None:
        _LOGGED.line(logging.ERROR, "no room on the disk: /%s, id %s: %s", block_fn.api_name, event_id, error)

    @property
    def mcp_server_obj(self) -> Any:
        """The MCP server that provides the endpoints as tools, or `None`; set by gradio."""
        return self._tools

    @mcp_server_obj.setter
    def mcp_server_obj(self, server: Any) -> None:
        self._tools = server
        if server is None:
            return
        convert = server.convert_strings_to_filedata

        def remembered(value: Any, positions: list) -> Any:
            converted = convert(value, positions)
            self.upload_file_set.update(_paths(converted) - _paths(value))
            return converted

        # gradio writes base64 inputs of tools to files that it would never delete
        server.convert_strings_to_filedata = remembered


def _default(block: gr.components.Component) -> Any:
    """The default of an input that a client left out."""
    return None if getattr(block, "max_bytes", None) else getattr(block, "value", None)


def _check(block: gr.components.Component, value: Any) -> None:
    if isinstance(block, gr.Slider):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError
        if not block.minimum <= value <= block.maximum or (block.precision == 0 and value != int(value)):
            raise ValueError
    elif isinstance(block, gr.Checkbox) and not isinstance(value, bool):
        raise TypeError
    elif isinstance(block, gr.Textbox):
        if not isinstance(value, str) or len(value) > block.max_length:
            raise TypeError
    elif isinstance(block, gr.Dropdown) and value not in [choice for _, choice in block.choices]:
        raise ValueError


def _must_be(block: gr.components.Component, value: Any) -> str:
    if isinstance(block, gr.Slider):
        kind = "a whole number" if block.precision == 0 else "a number"
        what = f"{kind} from {block.minimum:g} to {block.maximum:g}"
    elif isinstance(block, gr.Checkbox):
        what = "true or false"
    elif isinstance(block, gr.Textbox):
        what = f"text of at most {block.max_length} characters"
    else:
        what = f"one of {', '.join(str(choice) for _, choice in block.choices)}"
    default = str(block.value).lower() if isinstance(block.value, bool) else block.value  # as in JSON
    return f"{block.label} must be {what}, got {short(value)}; default {default}."


def _paths(value: Any) -> set[str]:
    """Paths in the upload folder in a tool's input; nothing else may ever be deleted."""
    if isinstance(value, list):
        return set().union(*map(_paths, value))
    if not isinstance(value, dict):
        return set()
    path, folder = value.get("path"), os.path.abspath(get_upload_folder())
    own = isinstance(path, str) and os.path.abspath(path).startswith(folder + os.sep)
    return ({path} if own else set()).union(*map(_paths, value.values()))


def _forget_frames(blocks: list, state: Any) -> None:
    """Remove webcam frames from the session, where gradio keeps the last input of each component."""
    for block in blocks:
        if state is not None and getattr(block, "streams", False):
            state._update_value_in_config(block._id, None)
