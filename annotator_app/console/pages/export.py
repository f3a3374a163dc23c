"""Everything that can be taken along of a study, as files."""

from urllib.parse import quote

import gradio as gr

from nami_bench.annotator_app.console import tables
from nami_bench.annotator_app.console.context import Call, Console
from nami_bench.annotator_app.study_files import FILES
from nami_bench.store import progress_of

_PERSONAL = "names or ids of people, or what they wrote: keep it safe, publish it with their consent alone"


def build(console: Console) -> None:
    """The page."""
    page = gr.HTML(elem_classes=["console-tables"], apply_default_css=False)

    def look(call: Call) -> str:
        study = console.store.studies.get(call.study)
        done, total = progress_of(study, console.store.items.progress(call.study))
        offered = [one for one in FILES if one.fits(study)]
        rows = "".join(
            f'<tr><th scope="row"><a href="file/{one.name}?study={quote(call.study)}">{one.name}</a></th>'
            f"<td>{tables.escaped(one.about)}</td><td>{_PERSONAL if one.personal else 'none'}</td></tr>"
            for one in offered
        )
        return (
            f"<p>{done:,} of {total:,} items are judged. A file is made when you follow its link, from what "
            "is in force then; with many judgements that takes a while, and the log says who took it.</p>"
            '<div class="scrolls" tabindex="0" role="group" aria-label="Files"><table><thead><tr>'
            '<th scope="col">file</th><th scope="col">what is in it</th><th scope="col">personal data</th>'
            f"</tr></thead><tbody>{rows}</tbody></table></div>"
            "<p>With images, and by annotator: <code>nami-bench ratings export --format dataset "
            "--with-images -o FOLDER</code>.</p>"
        )

    console.show(look, page)
