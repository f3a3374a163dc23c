"""Accounts: made, one or many; and what takes something away, with a second question."""

import gradio as gr

from nami_bench.annotator_app.console.context import Call, Console
from nami_bench.annotator_app.console.people.one_person import chosen
from nami_bench.domain import GIVEN_ROLES, given_role
from nami_bench.errors import InputError
from nami_bench.export.people_file import people_of_text, tokens_csv
from nami_bench.pipeline.people import add_people, erasure_lines


def build_adding(console: Console) -> None:
    """A list of people, as it is in a spreadsheet; tokens are shown once."""
    people = gr.Textbox(
        label="People: a line of names of columns (name, and if you like role, study), then a line for each",
        placeholder="name,role,study\nlena,,pilot",
        lines=5,
    )
    add = gr.Button("Add them", variant="primary")
    tokens = gr.Textbox(
        label="Log-in tokens as CSV: copy them now, they are shown this once", lines=5, interactive=False,
        visible=False, buttons=["copy"],
    )  # fmt: skip

    def add_all(call: Call, text: str) -> tuple[str, object]:
        added = add_people(console.store, people_of_text(text, "the list"), call.owner)
        new = sum(token is not None for _, token in added)
        console.tell(f"{new} new accounts, {len(added) - new} there already")
        return "", gr.update(value=tokens_csv(added).decode(), visible=True)

    console.on(add.click, add_all, people, [people, tokens], needs_study=False)


def build_removing(console: Console, person: gr.Dropdown) -> None:
    """Log-in, role, exclusion, erasure of the person; each names whom it is about again."""
    with gr.Row():
        token = gr.Button("New token: the old one ends")
        disable = gr.Button("Forbid log-in")
        enable = gr.Button("Allow log-in")
    with gr.Row():
        role = gr.Dropdown([one.value for one in GIVEN_ROLES], label="Role")
        set_role = gr.Button("Set the role")
    shown = gr.Textbox(
        label="New token: copy it now, it is shown this once",
        interactive=False,
        visible=False,
        buttons=["copy"],
    )
    with gr.Accordion("Exclude or erase", open=False):
        with gr.Row():
            exclude = gr.Button("Exclude from every count")
            include = gr.Button("Count again")
        keep = gr.Checkbox(label="Keep ratings under a random pseudonym", value=False)
        dry = gr.Button("What would be erased?")
        found = gr.Textbox(label="It would be", lines=5, interactive=False)
        again = gr.Textbox(label="To erase, which cannot be undone, type the person's name")
        erase = gr.Button("Erase", variant="stop")

    def new_token(call: Call, name: str | None) -> object:
        whom = chosen(name)
        return gr.update(
            value=f"{whom}\t{console.store.logins.reset_token(whom, by=call.owner)}", visible=True
        )

    def forbid(call: Call, name: str | None) -> None:
        console.store.accounts.set_active(chosen(name), False, by=call.owner)
        console.tell(f"{name} is logged out and cannot log in")

    def allow(call: Call, name: str | None) -> None:
        console.store.accounts.set_active(chosen(name), True, by=call.owner)
        console.tell(f"{name} can log in")

    def change_role(call: Call, name: str | None, wanted: str | None) -> None:
        whom = chosen(name)
        if whom == call.owner:
            raise InputError("your own role is changed by another administrator")
        console.store.accounts.set_role(whom, given_role(wanted or ""), by=call.owner)
        console.tell(f"{whom} is an {wanted} now")

    def leave_out(call: Call, name: str | None) -> None:
        values = console.store.exclusions.exclude(chosen(name), by=call.owner)
        console.tell(f"{sum(values.values())} values of {name} do not count any more")

    def count_again(call: Call, name: str | None) -> None:
        values = console.store.exclusions.include(chosen(name), by=call.owner)
        console.tell(f"{sum(values.values())} values of {name} count again")

    def try_erasing(call: Call, name: str | None, keeps: bool) -> str:
        return "\n".join(
            erasure_lines(console.store.erasures.erase(chosen(name), keep_ratings=keeps, dry_run=True))
        )

    def erase_for_good(call: Call, name: str | None, keeps: bool, typed: str) -> tuple[str, str]:
        whom = chosen(name)
        if typed.strip() != whom:
            raise InputError(f"type {whom!r} to erase this person: nothing was changed")
        if whom == call.owner:
            raise InputError("you cannot erase yourself while you are logged in")
        done = console.store.erasures.erase(whom, keep_ratings=keeps, by=call.owner)
        console.store.erasures.wipe_traces()
        console.tell("Erased, in the database and in its file")
        return "\n".join(erasure_lines(done)), ""

    console.on(token.click, new_token, person, shown)
    console.on(disable.click, forbid, person)
    console.on(enable.click, allow, person)
    console.on(set_role.click, change_role, [person, role])
    console.on(exclude.click, leave_out, person)
    console.on(include.click, count_again, person)
    console.on(dry.click, try_erasing, [person, keep], found)
    console.on(erase.click, erase_for_good, [person, keep, again], [found, again])
