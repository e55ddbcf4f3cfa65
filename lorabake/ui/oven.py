"""Preparing the oven: a preset, every setting of the guide's list, and what the bake will be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from lorabake.core.errors import LorabakeError
from lorabake.recipe.models import base_models
from lorabake.recipe.presets import load_recipe, preset_names
from lorabake.recipe.recipe import GROUPS, recipe_to_mapping, with_setting
from lorabake.ui.answers import message, sentence
from lorabake.ui.chosen import Chosen, read_chosen, write_chosen
from lorabake.ui.form import Form, build_form, read_form, to_widget
from lorabake.ui.parts import part
from lorabake.ui.place import place
from lorabake.ui.planned import plan_view
from lorabake.ui.signals import Desk, now

ID = "oven"
TITLE = "Preparing the oven"
GUIDE = (
    "Choose the preset of your base model; its values are the guide's for a card with 12 GB. "
    "Then look at how often your pictures will be seen, and what that makes."
)
HEADERS = ["Folder", "Pictures", "Repeats", "Seen"]
REPEATS = 2
ARGS = "optimizer.args"


def build(desk: Desk) -> None:
    with gr.Row(elem_classes="lb-row"):
        preset = gr.Dropdown(
            [(load_recipe(name).title, name) for name in preset_names()],
            label="Preset",
            info="Choosing one sets every value below.",
            scale=0,
            min_width=280,
            elem_id="lb-preset",
        )
        back = gr.Button("Back to the preset's values", elem_classes="lb-hug")
        again = gr.Button("Look for models again", elem_classes="lb-hug")
    gr.HTML('<h3 class="lb-heading">Repeats</h3>', js_on_load=None, apply_default_css=False)
    table = gr.Dataframe(
        headers=HEADERS,
        datatype=["str", "number", "number", "number"],
        type="array",
        interactive=True,
        static_columns=[0, 1, 3],
        column_count=4,
        wrap=True,
        column_widths=["40%", "20%", "20%", "20%"],
        buttons=[],
        label="How often one epoch shows the pictures of each folder. Repeats can be edited.",
        elem_id="lb-calculator",
    )
    plan = part("plan", elem_id="lb-plan")
    form = build_form(GROUPS, {"model.base": model_choices(""), "model.vae": model_choices("")})
    owner = gr.Textbox(visible="hidden")  # whose settings the form shows
    notice = part("notice")
    _wire(desk, form, preset, (back, again), owner, table, plan, notice)


def _wire(
    desk: Desk,
    form: Form,
    preset: Any,
    buttons: tuple[Any, Any],
    owner: Any,
    table: Any,
    plan: Any,
    notice: Any,
) -> None:
    back, again = buttons
    quiet: dict[str, Any] = {"show_progress": "hidden"}
    shown = [preset, owner, table, plan, *form.widgets.values()]

    def everything(chosen: Chosen, project: str) -> dict[Any, Any]:
        return {
            preset: chosen.preset,
            owner: project,
            table: repeats_table(project),
            plan: plan_view(project, chosen),
            **form.updates(recipe_to_mapping(chosen.recipe)),
            **model_updates(form, chosen),
        }

    def show(project: str | None) -> dict[Any, Any]:
        chosen = chosen_for(project)
        return everything(chosen, project or "") if chosen else {owner: ""}

    def load_preset(name: str, project: str | None) -> dict[Any, Any]:
        chosen = take_preset(name, project)
        return everything(chosen, project or "") if chosen else {owner: ""}

    def edited(data: dict[Any, Any]) -> dict[Any, Any]:
        return edit(form, str(data[owner] or ""), str(data[preset] or ""), data, plan)

    def refresh(project: str | None) -> dict[Any, Any]:
        chosen = chosen_for(project)
        if not chosen or not project:
            return {owner: ""}
        return {table: repeats_table(project), plan: plan_view(project, chosen)}

    gr.on([desk.project.change, again.click], show, desk.project, shown, **quiet)
    gr.on([preset.input, back.click], load_preset, [preset, desk.project], shown, **quiet)
    desk.dataset.change(refresh, desk.project, [owner, table, plan], **quiet)
    gr.on(
        edits(form),
        edited,
        {owner, preset, *form.widgets.values()},
        [plan, form.widgets[ARGS]],
        trigger_mode="always_last",
        **quiet,
    )
    table.input(edit_repeats, [desk.project, table], [table, notice, desk.dataset], **quiet)


def edits(form: Form) -> list[Any]:
    """The events by which a person, and not the program, changes a widget.

    `change` also fires for every value we set ourselves, one after the other, with half of the new
    values still missing. `input` of a text box misses Backspace and paste, so that is `blur`.
    """
    events = []
    for widget in form.widgets.values():
        is_text = isinstance(widget, gr.Textbox)
        events += [widget.blur, widget.submit] if is_text else [widget.input]
        if isinstance(widget, gr.Number):
            events.append(widget.blur)
    return events


def chosen_for(project: str | None) -> Chosen | None:
    """What was chosen for a project; None without one."""
    if not project:
        return None
    try:
        return read_chosen(place().project(project))
    except LorabakeError:
        return None


def take_preset(name: str, project: str | None) -> Chosen | None:
    """The preset as it is shipped becomes the project's choice."""
    if not project or name not in preset_names():
        return None
    tables = recipe_to_mapping(load_recipe(name))
    return write_chosen(place().project(project), name, tables)


def edit(
    form: Form, project: str, preset: str, data: Mapping[Any, Any], plan: Any
) -> dict[Any, Any]:
    """Save what the form holds, as far as it makes sense, and count anew."""
    before = chosen_for(project)
    if before is None:
        return {}
    tables, errors = read_form(form.specs, form.values(data))
    answer: dict[Any, Any] = {}
    optimizer = tables["optimizer"].get("type")
    if optimizer and optimizer != before.recipe.optimizer.type and ARGS not in errors:
        # Optional args of another optimizer may not fit: keep those that do.
        fitting = with_setting(before.recipe, "optimizer.type", optimizer).optimizer.args
        if tables["optimizer"]["args"] == before.recipe.optimizer.args:
            tables["optimizer"]["args"] = fitting
            answer[form.widgets[ARGS]] = to_widget(form.specs[ARGS], fitting)
    chosen = before
    if not errors:
        try:
            chosen = write_chosen(place().project(project), preset, tables)
        except LorabakeError as error:
            errors[""] = sentence(error)
    return {plan: plan_view(project, chosen, errors), **answer}


def edit_repeats(
    project: str | None, rows: list[list[Any]]
) -> tuple[list[list[Any]], list[dict[str, str]], str]:
    """Rename the folders whose repeats were edited, as other trainers read them from the name."""
    if not project:
        return [], [], now()
    messages = []
    wanted = {str(row[0]): row[REPEATS] for row in rows if len(row) > REPEATS}
    for concept in place().shelf(project).dataset.concepts:
        try:
            repeats = int(float(wanted.get(concept.folder.name, concept.repeats)))
        except (TypeError, ValueError, OverflowError):
            messages.append(message("bad", "Repeats are whole numbers from 1 to 1000."))
            continue
        if repeats != concept.repeats:
            try:
                place().set_repeats(project, concept.folder.name, repeats)
            except LorabakeError as error:
                messages.append(message("bad", sentence(error)))
    return repeats_table(project), messages, now()


def repeats_table(project: str) -> list[list[Any]]:
    """One row per folder for the calculator."""
    return [
        [
            concept.folder.name,
            len(concept.images),
            concept.repeats,
            len(concept.images) * concept.repeats,
        ]
        for concept in place().shelf(project).dataset.concepts
    ]


def model_choices(current: str) -> list[tuple[str, str]]:
    """The models that were found, by label; the current one even if it is gone."""
    found = [(model.label, model.name) for model in base_models(place().workspace)]
    if current and current not in dict(found).values():
        found.append((f"{current} (not found)", current))
    return [("(none)", ""), *found]


def model_updates(form: Form, chosen: Chosen) -> dict[Any, Any]:
    """Base model and VAE with what lies in the models folder now."""
    model = chosen.recipe.model
    return {
        form.widgets[key]: gr.Dropdown(choices=model_choices(value), value=value)
        for key, value in (("model.base", model.base), ("model.vae", model.vae))
    }


def state(project: str) -> str:
    """The title's second half: which preset, how many steps."""
    chosen = read_chosen(place().project(project))
    changes = len(chosen.changes)
    return chosen.recipe.title + (f", {changes} changed" if changes else "")
