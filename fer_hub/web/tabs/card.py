"""The tab with the model card of the selected network."""

import gradio as gr

from fer_hub.web.facts import card
from fer_hub.web.service import Service


def add_card_tab(service: Service, model: gr.Dropdown, tab: gr.Tab) -> None:
    """The card, loaded when the tab is opened: its figures are larger than the rest of the page."""

    def show(model: str):
        return card(model, service.checkpoints[model])

    text = gr.Markdown(elem_id="card")
    for event in (tab.select, model.change):
        event(show, model, text, queue=False, api_visibility="private", show_progress="hidden")
