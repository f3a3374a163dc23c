"""The owner's console: Gradio components, one module for each page.

**To write a page**: put `pages/NAME.py` here, with `def build(console: Console) -> None`, and its line into
`pages.PAGES`. `build` is called once, when the console is put together, inside the page that is open:
whatever components it makes stand on it, below the bar with the study's selector. Pages' modules import
Gradio at their top, and nothing else imports them.

- `console.show(look, outputs, every=...)` fills components: when the page is opened, when another study is
  selected, and every so many seconds while somebody looks. `console.on(event, run, inputs, outputs)` is for
  buttons, selections and fields. Nothing else binds events: what these bind is checked again for who asks,
  private to our page, limited in how often it runs at once, and an error of `nami_bench.errors` becomes a
  sentence on the page. Both hand their function a `Call` first: `call.owner` (the account's name) and
  `call.study` (the selected one's name, never None: without any study the page says so and nothing is
  called, but where `on` is told `needs_study=False`; then it is ""). Then come the values of `inputs`, as the
  browser sent them: nobody has compared them with a field's choices or limits. It returns what Gradio's
  functions return: a value for each of `outputs`, or none.
- An event that comes while the one before is at work is dropped, as a second press is; `again=True` lets
  the last one follow, which is for fields and choices. What `show` and `on_select` bind does so.
- `console.on_select(table, run, inputs, outputs)`: somebody chose a row; `run(call, row, *inputs)` gets its
  cells as texts, so put what identifies it into the first column.
- `console.tell(words)` says what was done; `console.remembered(key, compute)` asks once for many consoles.
- A function may be `def` (runs in a thread) or `async def` (must not block). What reads whole tables goes to
  the process beside the server: add a method to `StudyLooks` (annotator_app/admin.py) that returns bytes, and
  `await console.onlooker.ask("its_name", call.study)`.
- `console.store` is open; `console.images_dir` is the workspace's. A picture for owners has an address:
  `console.picture(number)`, for `<img src>` in HTML of ours (`small=True`: 320 pixels); no path of a file
  ever goes to Gradio.
- Tables come from `tables.table` and `tables.cells`: text alone, escaped, numbers with fixed digits,
  intervals as "0.62 [0.55, 0.69]", what is missing as "–". Words that people typed go into such cells or a
  `gr.Textbox`, never into `gr.HTML` or `gr.Markdown`, unless through `tables.escaped`.
  `tables.as_html` makes tables for `gr.HTML`: those whose cells lead somewhere (`tables.item_link`,
  `person_link`, `with_item_links`), that wrap on a phone, or whose number is not known beforehand.
- What an owner does is recorded: `store.oversight.note(kind, words, by=call.owner, study=..., about=...)`, or
  the store's own method does it with `by=call.owner`.
- At 390 px a page is one column: rows of few components, no sidebar, tables that scroll inside themselves.

For example:

    import gradio as gr

    from nami_bench.annotator_app.console import tables
    from nami_bench.annotator_app.console.context import Call, Console

    COLUMNS = ("name", "items done")

    def build(console: Console) -> None:
        people = tables.table("People", COLUMNS)
        reason = gr.Textbox(label="Reason", max_length=500)
        pause = gr.Button("Pause everybody", variant="stop")

        def look(call: Call) -> tables.Cells:
            return tables.cells((one.name, one.done) for one in console.store.oversight.members(call.study))

        def pause_all(call: Call, why: str) -> tables.Cells:
            for one in console.store.oversight.members(call.study):
                console.store.oversight.pause(call.study, one.name, why, by=call.owner)
            return look(call)

        console.show(look, people, every=5)
        console.on(pause.click, pause_all, inputs=reason, outputs=people)
"""
