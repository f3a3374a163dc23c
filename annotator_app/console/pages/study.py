"""A study: made, copied, edited as fields or as a file, opened, closed and deleted."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from nami_bench.annotator_app.console import study_actions as actions
from nami_bench.annotator_app.console.context import Call, Console
from nami_bench.annotator_app.console.study_form import StudyForm
from nami_bench.annotator_app.console.study_preview import fixed, preview
from nami_bench.domain import Study
from nami_bench.errors import InputError
from nami_bench.study_file import study_of_tables, study_of_text
from nami_bench.study_text import study_tables, study_text
from nami_bench.toml_text import document


def build(console: Console) -> None:
    """The page."""
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        with gr.Tab("This study", id="this"):
            existing = _Existing(console)
        with gr.Tab("New study", id="new"):
            _New(console, existing, tabs)


class _Existing:
    """The study at hand: how it stands, its fields, its file."""

    def __init__(self, console: Console) -> None:
        self._store = console.store
        self._stands = gr.HTML(elem_classes=["study-stands"], apply_default_css=False)
        with gr.Row():
            self._opener = gr.Button("Open now", variant="primary", visible=False)
            self._closer = gr.Button("Close now", variant="stop", visible=False)
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab("Fields"):
                self._form = StudyForm(is_new=False)
                with gr.Row():
                    save = gr.Button("Save", variant="primary")
                    look = gr.Button("Preview the texts")
            with gr.Tab("What stays as it is"):
                self._fixed = _html("console-tables")
            with gr.Tab("As a file"):
                self._text = _file_box("study-file")
                save_text = gr.Button("Save the file", variant="primary")
            with gr.Tab("Delete"):
                typed = gr.Textbox(label="Only a study without ratings can go: type its name")
                delete = gr.Button("Delete this study", variant="stop")
        said = _said()
        texts = _html("study-texts")
        self._seen = gr.Textbox(visible="hidden", label="State")
        self.outputs = [
            self._stands,
            self._opener,
            self._closer,
            self._fixed,
            self._seen,
            self._text,
            *self._form.outputs,
        ]
        form = [self._seen, *self._form.components]

        def study_look(call: Call) -> list[Any]:
            return self.shown(call.study)

        def study_open(call: Call) -> list[Any]:
            return [actions.let_in(self._store, call.study, call.owner), *self.shown(call.study)]

        def study_close(call: Call) -> list[Any]:
            return [actions.end(self._store, call.study, call.owner), *self.shown(call.study)]

        def study_save(call: Call, state: str, *values: Any) -> list[Any]:
            words = actions.save(self._store, self._filled(call.study, values), state, call.owner)
            return [words, *self.shown(call.study)]

        def study_save_text(call: Call, state: str, text: str) -> list[Any]:
            study = actions.of_this_name(study_of_text(text), call.study)
            return [actions.save(self._store, study, state, call.owner), *self.shown(call.study)]

        def study_preview(call: Call, *values: Any) -> list[Any]:
            return ["", preview(self._filled(call.study, values))]

        def study_delete(call: Call, name: str) -> list[Any]:
            words = actions.delete(self._store, call.study, name, call.owner)
            names = console.names()
            left = names[-1] if names else None
            rest = self.shown(left) if left else [gr.skip() for _ in self.outputs]
            selector = gr.update(choices=names, value=left)
            return [words, selector, gr.update(visible=left is None), "", *rest]

        console.show(study_look, self.outputs)
        chosen = (console.study, console.no_study)
        for button, run, inputs in (
            (self._opener, study_open, ()),
            (self._closer, study_close, ()),
            (save, study_save, form),
            (save_text, study_save_text, [self._seen, self._text]),
        ):
            _on(console, button, run, inputs, [said, *self.outputs])
        _on(console, look, study_preview, self._form.components, [said, texts])
        gone = _on(console, delete, study_delete, typed, [said, *chosen, typed, *self.outputs])
        console.keep_study(gone)

    def shown(self, name: str) -> list[Any]:
        """What `outputs` show of a study."""
        study = self._store.studies.get(name)
        offered = actions.offered(self._store, study.prompt_set, study.models)
        shut = study.shut(self._store.clock())
        return [
            f"<p>{actions.in_words(study, self._store.clock())}</p>",
            gr.update(visible=shut is not None),
            gr.update(visible=shut is None),
            fixed(study),
            actions.state(study),
            study_text(study),
            *self._form.shown(study_tables(study), offered),
        ]

    def _filled(self, name: str, values: tuple[Any, ...]) -> Study:
        return study_of_tables(self._form.filled(study_tables(self._store.studies.get(name)), values))


class _New:
    """A study to be made: as fields, or as a file, each of which can be written into the other."""

    def __init__(self, console: Console, existing: _Existing, tabs: gr.Tabs) -> None:
        self._store = console.store
        start = gr.Dropdown(label="Begin from", choices=[actions.NAMI_1K], value=actions.NAMI_1K)
        with gr.Tabs(overflow_behavior="wrap"):
            with gr.Tab("Fields"):
                self._form = form = StudyForm(is_new=True)
                with gr.Row():
                    check = gr.Button("Check")
                    look = gr.Button("Preview the texts")
                    to_text = gr.Button("Write it as a file")
                    make = gr.Button("Create", variant="primary")
            with gr.Tab("As a file"):
                text = _file_box("new-file")
                with gr.Row():
                    check_text = gr.Button("Check the file")
                    to_fields = gr.Button("Fill in the fields")
                    make_text = gr.Button("Create from the file", variant="primary")
        said = _said()
        texts = _html("study-texts")
        rest = gr.Textbox(visible="hidden", label="Begun from")
        fields = [rest, start, *form.components]

        def new_begin(call: Call, begun: str) -> list[Any]:
            tables = actions.beginning(self._store, begun)
            names = [actions.NAMI_1K, *self._store.studies.names()]
            tab = gr.skip() if call.study else gr.update(selected="new")
            return [tab, gr.update(choices=names), document(tables), *self._shown(tables)]

        def new_models(call: Call, prompts: str | None, chosen: list[str]) -> list[Any]:
            offered = actions.offered(self._store, prompts, ())
            kept = [one for one in chosen if one in offered] or offered
            return ["", gr.update(choices=offered, value=kept)]

        def new_check(call: Call, base: str, begun: str, *values: Any) -> list[Any]:
            return [actions.expected(self._store, self._filled(base, begun, values))]

        def new_preview(call: Call, base: str, begun: str, *values: Any) -> list[Any]:
            return ["", preview(self._filled(base, begun, values))]

        def new_text(call: Call, base: str, begun: str, *values: Any) -> list[Any]:
            return ["It stands under As a file.", study_text(self._filled(base, begun, values))]

        def new_fields(call: Call, written: str) -> list[Any]:
            tables = study_tables(study_of_text(written))
            return ["It stands under Fields.", document(tables), *self._shown(tables)]

        def new_check_text(call: Call, written: str, begun: str) -> list[Any]:
            return [actions.expected(self._store, self._of_text(written, begun))]

        def made(call: Call, study: Study) -> list[Any]:
            words = actions.create(self._store, study, call.owner)
            names = console.names()
            if study.name not in names:
                words += "\nThis server serves one other study: start `nami-bench annotate` without --study."
                return [words, *(gr.skip() for _ in results[1:])]
            selector = gr.update(choices=names, value=study.name)
            return [words, selector, gr.update(visible=False), *existing.shown(study.name)]

        def new_create(call: Call, base: str, begun: str, *values: Any) -> list[Any]:
            return made(call, self._filled(base, begun, values))

        def new_create_text(call: Call, written: str, begun: str) -> list[Any]:
            return made(call, self._of_text(written, begun))

        results = [said, console.study, console.no_study, *existing.outputs]
        console.on(
            [console.blocks.load, start.input],
            new_begin,
            inputs=start,
            outputs=[tabs, start, rest, *form.outputs],
            needs_study=False,
        )
        for event, run, inputs, outputs in (
            (form.prompts.input, new_models, [form.prompts, form.models], [said, form.models]),
            (check.click, new_check, fields, [said]),
            (look.click, new_preview, fields, [said, texts]),
            (to_text.click, new_text, fields, [said, text]),
            (to_fields.click, new_fields, text, [said, rest, *form.outputs]),
            (check_text.click, new_check_text, [text, start], [said]),
            (make.click, new_create, fields, results),
            (make_text.click, new_create_text, [text, start], results),
        ):
            done = console.on(event, _telling(run, len(outputs)), inputs, outputs, needs_study=False)
            if console.study in outputs:
                console.keep_study(done)

    def _shown(self, tables: dict[str, Any]) -> list[Any]:
        sets = [*self._store.catalog.prompt_set_hashes()]
        section = tables["study"]
        if "prompts" not in section and sets:
            section = section | {"prompts": sets[-1]}
        offered = actions.offered(self._store, section.get("prompts"), section.get("models", ()))
        section = {"models": offered, **section}
        return self._form.shown({**tables, "study": section}, offered, sets)

    def _filled(self, base: str, begun: str, values: tuple[Any, ...]) -> Study:
        study = study_of_tables(self._form.filled(actions.tables_of(base), values))
        return actions.with_its_questions(self._store, study, begun)

    def _of_text(self, written: str, begun: str) -> Study:
        return actions.with_its_questions(self._store, study_of_text(written), begun)


def _on(console: Console, button: gr.Button, run: Callable[..., Any], inputs: Any, outputs: list[Any]) -> Any:
    return console.on(button.click, _telling(run, len(outputs)), inputs, outputs)


def _telling(run: Callable[..., list[Any]], outputs: int) -> Callable[..., Any]:
    """`run`, whose first output is a sentence, also where it is about what was entered: that one stays."""

    @wraps(run)
    def told(*values: Any) -> Any:
        try:
            found = run(*values)
        except InputError as error:
            found = [f"Not done: {error}.", *(gr.skip() for _ in range(outputs - 1))]
        return found if outputs > 1 else found[0]

    return told


def _said() -> gr.Textbox:
    return gr.Textbox(label="What came of it", interactive=False, lines=1, max_lines=8, elem_classes=["said"])


def _html(name: str) -> gr.HTML:
    return gr.HTML(elem_classes=[name], apply_default_css=False)


def _file_box(name: str) -> gr.Textbox:
    """The text of a study file, into which console.js reads one from the owner's computer."""
    box = gr.Textbox(
        label="Study file",
        lines=20,
        max_lines=40,
        elem_id=name,
        elem_classes=["console-code"],
        buttons=["copy"],
    )
    gr.HTML(
        '<label class="console-file">Read a file from this computer: '
        f'<input type="file" accept=".toml" data-into="{name}"></label>',
        apply_default_css=False,
    )
    return box
