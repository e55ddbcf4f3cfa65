"""What the Grabber does: downloads begun, paused, resumed and undone; updates; boards and accounts."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from lorabake.captions.editing import history_of
from lorabake.collect.accounts import accounts, forget_account, save_account
from lorabake.collect.client import try_account
from lorabake.collect.job import (
    GrabView,
    Query,
    grabs,
    pause_grab,
    resume_grab,
    start_grab,
)
from lorabake.collect.post import Post
from lorabake.collect.settings import CollectSettings, is_public
from lorabake.collect.sites import SITES, Site
from lorabake.collect.update import to_update, update_grab
from lorabake.core import jobs
from lorabake.core.dataset import split_concept_name
from lorabake.core.errors import DatasetError, JobError
from lorabake.core.events import read_tail
from lorabake.core.history import History
from lorabake.core.http import Web
from lorabake.core.jobs import JobView
from lorabake.core.workspace import Project
from lorabake.ui.answers import answered, number, text
from lorabake.ui.bakes import status_view
from lorabake.ui.grab_choice import (
    SCORES,
    SHAPES,
    SIDES,
    TYPES,
    describe,
    filters_of,
    keep_choice,
    ratings,
    read_choice,
    widget_values,
    with_values,
)
from lorabake.ui.grab_seen import seen
from lorabake.ui.place import place
from lorabake.ui.roles import who
from lorabake.ui.words import plural

MAX_PICKED = 20_000
MAX_SHOWN = 30  # downloads in the list
MAX_REASONS = 100  # posts named one by one under a download
PATIENCE = (5.0, 10.0)  # seconds to connect, and for the next bytes: somebody waits


@answered("look")
def lb_grabber(data: dict[str, Any]) -> dict[str, Any]:
    """How everything stands; `form` asks for what does not change, too."""
    project = place().project(data.get("project"))
    choice = read_choice(project)
    history = history_of(project.dataset_dir)
    answer: dict[str, Any] = {
        "downloads": [
            download_row(view, history) for view in grabs(place().workspace, project.name)
        ][:MAX_SHOWN],
        "folders": folder_rows(project),
        "searches": search_rows(project),
        "pictures": len(place().shelf(project.name).by_id),
        "version": place().dataset_version(project.name),
    }
    if data.get("form") is True:
        answer["form"] = {
            "sites": [site_row(site) for site in SITES],
            "sides": SIDES,
            "scores": SCORES,
            "shapes": SHAPES,
            "ratings": ratings(),
            "types": TYPES,
            "fields": describe(),
        }
    if data.get("values") is True:
        answer["values"] = widget_values(choice)
        answer["usual"] = choice.settings == CollectSettings()
    if data.get("accounts") is True or data.get("form") is True:
        answer["accounts"] = account_rows() if who().is_owner else []
    return answer


@answered("own")
def lb_grab_start(data: dict[str, Any]) -> dict[str, Any]:
    """Queue a download: of `picked` posts ("gelbooru 123"), of the first `limit` of the search, or all."""
    project = place().project(data.get("project"))
    choice = with_values(read_choice(project), data.get("values"))
    keep_choice(project, choice)
    if not choice.folder:
        raise DatasetError(
            "Choose the folder first that the pictures go into, such as the character's name."
        )
    picked = data.get("picked")
    posts = picked_posts(picked) if isinstance(picked, list) else None
    query = None
    if posts is None:
        sites = tuple(name for name in choice.sites if name in SITES)
        if not sites:
            raise DatasetError("Check a source below the search box first.")
        query = Query(sites=sites, text=choice.text, filters=filters_of(choice))
    view = start_grab(
        place().workspace,
        project.name,
        choice.folder,
        repeats=choice.repeats,
        posts=posts,
        query=query,
        settings=choice.settings,
        limit=number(data, "limit", otherwise=0, low=0, high=MAX_PICKED),
        extension=place().caption_extension(project),
    )
    return {"place": view.place}


def picked_posts(picked: list[Any]) -> list[Post]:
    """The posts of these names, as they were shown."""
    found = [seen.get(str(key)) for key in dict.fromkeys(picked[:MAX_PICKED])]
    posts = [post for post in found if post is not None]
    if not posts and found:
        raise DatasetError(
            "lorabake was started anew since these were picked. Search again, and pick again."
        )
    return posts


@answered("stop")
def lb_grab_pause(data: dict[str, Any]) -> dict[str, Any]:
    """Let it finish the picture at hand; what has come goes into the data set."""
    pause_grab(place().workspace, _job(data))
    return {}


@answered("own")
def lb_grab_resume(data: dict[str, Any]) -> dict[str, Any]:
    resume_grab(place().workspace, _job(data))
    return {}


@answered("own")
def lb_grab_undo(data: dict[str, Any]) -> dict[str, Any]:
    """Take back what a download or an adding brought, or (`redo`) do it again; none but that step."""
    project = place().project(data.get("project"))
    history = history_of(project.dataset_dir)
    again = data.get("redo") is True
    step = history.can_redo if again else history.can_undo
    if step is None or step.id != data.get("operation"):
        raise DatasetError(
            "The data set was changed after this step. The list of steps under Process tags undoes "
            "them one after the other."
        )
    outcome = history.redo() if again else history.undo()
    place().forget(project.name)
    said = f"{step.title}: done again." if again else f"{step.title}: taken back."
    if outcome.skipped:
        said += f" {plural(len(outcome.skipped), 'file')} left alone, because of changes meanwhile."
    return {"said": said, "operation": step.id, "undone": not again}


@answered("own")
def lb_grab_update(data: dict[str, Any]) -> dict[str, Any]:
    """Queue every search of this project again, for what is new."""
    project = place().project(data.get("project"))
    views = update_grab(
        place().workspace, project.name, extension=place().caption_extension(project)
    )
    return {"said": f"{plural(len(views), 'search', 'searches')} asked again for what is new."}


# --- boards and accounts -------------------------------------------------------------------------


@answered("own")
def lb_grab_account(data: dict[str, Any]) -> dict[str, Any]:
    """Remember, test or forget an account of a board; what was pasted is never sent back."""
    site, act = _site(data), text(data, "act", limit=20)
    said = ""
    if act == "save":
        save_account(site.name, text(data, "account", limit=2000))
        said = f"The account at {site.label} is kept on this computer, readable by you only."
    elif act == "forget":
        forget_account(site.name)
        said = f"The account at {site.label} is forgotten."
    elif act == "test":
        said = try_account(Web(timeout=PATIENCE, tries=2), site)
    return {"said": said, "accounts": account_rows()}


def account_rows() -> list[dict[str, Any]]:
    """Nothing where none are kept."""
    if is_public():
        return []
    known = accounts()
    return [
        {
            "site": site.name,
            "label": site.label,
            "key": site.key,
            "home": site.home,
            "known": known.get(site.name, False),
            "example": EXAMPLES.get(site.name, OTHERWISE),
            "help": HELP.get(site.name, OTHERWISE_HELP),
        }
        for site in sorted(SITES, key=lambda site: site.key != "required")
        if site.key
    ]


EXAMPLES = {
    **dict.fromkeys(("gelbooru", "rule34"), "&api_key=…&user_id=…"),
    **dict.fromkeys(("yandere", "konachan"), "&login=…&password_hash=…"),
}
OTHERWISE = "&login=…&api_key=…"
_HASH = "Your name, and the hash of your password that the site's help about its API explains."
HELP = {
    "gelbooru": "On its website under Settings, Options, API Access Credentials: copy the whole line "
    "that begins with &api_key= and paste it here.",
    "rule34": "On its website under My Account, Options: tick Generate New Key, save, copy the whole "
    "line that begins with &api_key= and paste it here.",
    **dict.fromkeys(("yandere", "konachan"), _HASH),
}
OTHERWISE_HELP = (
    "Your name and the API key of your account's page; or only the two, with a space between."
)


def site_row(site: Site) -> dict[str, Any]:
    return {
        "name": site.name,
        "label": site.label,
        "key": site.key,
        "tags": site.max_tags,
        "page": site.page_size,
    }


def _site(data: dict[str, Any]) -> Site:
    name = text(data, "site", limit=80)
    if name not in SITES:
        raise DatasetError("This source is no longer there. Reload the page.")
    return SITES[name]


# --- rows of the page ----------------------------------------------------------------------------


def folder_rows(project: Project) -> list[dict[str, Any]]:
    """The concepts that pictures can go into."""
    rows = []
    for concept in place().shelf(project.name).dataset.concepts:
        if concept.folder != project.dataset_dir:
            repeats, trigger = split_concept_name(concept.folder.name)
            rows.append({"name": trigger or concept.folder.name, "repeats": repeats or 1})
    return rows


def search_rows(project: Project) -> list[dict[str, Any]]:
    return [
        {
            "text": asked.text,
            "sites": [SITES[one].label if one in SITES else one for one in asked.sites],
            "folder": asked.folder,
            "time": asked.time,
        }
        for asked in to_update(project)
    ]


def download_row(view: GrabView, history: History) -> dict[str, Any]:
    job, status = view.job, view.job.status
    operation = last_word(job).get("operation") if status.is_over else None
    back, again = history.can_undo, history.can_redo
    query = view.request.query
    reasons = Counter(reason for _, reason in view.skipped)
    return {
        "place": job.place,
        "query": query.text if query and not view.request.chosen else None,
        "folder": view.request.folder,
        "position": job.position,
        **status_view(job.run, status),
        "total": view.total,
        "done": view.done,
        "saved": view.saved,
        "bytes": view.bytes,
        "wait": waiting(job) if status.state == "running" else None,
        "left_out": len(view.skipped),
        "reasons": [
            {"reason": reason, "count": count, "posts": _named(view, reason)}
            for reason, count in reasons.most_common(20)
        ],
        "operation": operation,
        # Only the last step can be taken back, and only what was taken back last come again.
        "undo": operation is not None and back is not None and back.id == operation,
        "redo": operation is not None and again is not None and again.id == operation,
        "ended": status.ended,
    }


def _named(view: GrabView, reason: str) -> list[str]:
    """ "Gelbooru 123" for the posts that were left out for this reason."""
    keys = [key for key, why in view.skipped if why == reason][:MAX_REASONS]
    parts = (key.partition(" ") for key in keys)
    return [f"{SITES[s].label if s in SITES else s} {number_}" for s, _, number_ in parts]


def waiting(job: JobView) -> dict[str, Any] | None:
    """While a site asks for patience: which, and the seconds that are left."""
    for event in reversed(read_tail(job.run.events_path)):
        if event.type in ("phase", "step"):
            if event.data.get("name") != "waiting":
                return None
            left = event.time + float(event.data.get("seconds") or 0) - time.time()
            return {"host": str(event.data.get("host", "")), "left": left} if left > 0 else None
    return None


def last_word(job: JobView) -> dict[str, Any]:
    events = reversed(read_tail(job.run.events_path))
    return dict(next((event.data for event in events if event.is_last_word), {}))


def _job(data: dict[str, Any]) -> JobView:
    """A download of this project; no other job can be stopped from here."""
    project = place().project(data.get("project"))
    wanted = text(data, "place", limit=400)
    for view in jobs.jobs(place().workspace):
        if view.place == wanted and view.project == project.name and view.kind == "grab":
            return view
    raise JobError("This download is no longer there. Reload the page to see what is.")
