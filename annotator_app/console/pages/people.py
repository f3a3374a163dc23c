"""The people of a study: who they are, how each does, what is said with them, and what may be done.

What takes something away stands apart, in a part of the page that is opened by itself, and asks again.
"""

import gradio as gr

from nami_bench.annotator_app.console.context import Console
from nami_bench.annotator_app.console.people import accounts, everybody, links, one_person


def build(console: Console) -> None:
    """The page."""
    person = everybody.build(console)
    with gr.Tabs(overflow_behavior="wrap"):
        with gr.Tab("Figures"):
            one_person.build_figures(console, person)
        with gr.Tab("Messages"):
            one_person.build_messages(console, person)
        with gr.Tab("Pause and assign"):
            one_person.build_work(console, person)
        with gr.Tab("Add"):
            accounts.build_adding(console)
        with gr.Tab("Links"):
            links.build(console)
        with gr.Tab("Account and erasure"):
            accounts.build_removing(console, person)
