"""What the panel of remote help asks and tells: the link, who is in, what they propose and did."""

from __future__ import annotations

from typing import Any

from lorabake.core.errors import LorabakeError, WorkspaceError
from lorabake.core.history import open_history
from lorabake.core.limits import limits
from lorabake.ui import proposals
from lorabake.ui.answers import answered, number, text
from lorabake.ui.deeds import deeds
from lorabake.ui.editing import told
from lorabake.ui.endpoints import refused_calls
from lorabake.ui.link import GUESTS
from lorabake.ui.place import place
from lorabake.ui.roles import who
from lorabake.ui.sharing import HOURS, USUAL_HOURS, sharing
from lorabake.ui.words import plural

STEPS = 200  # of a project's history, looked through for those of others
SHOWN = 20


@answered("look")
def lb_here(data: dict[str, Any]) -> dict[str, Any]:
    """{} → {role, name, closed, possible, hours}: who the page is shown to, what is closed to them and why,
    and whether links can be made."""
    person = who()
    return {
        "role": person.role,
        "name": person.name,
        "closed": refused_calls(person),
        "possible": person.is_owner and limits().link_hours > 0,
        "hours": [hours for hours in HOURS if hours <= limits().link_hours],
        "usual": USUAL_HOURS,
    }


@answered("own")
def lb_link(data: dict[str, Any]) -> dict[str, Any]:
    """{project} → the link, who is in, what waits for an answer, what was done by others."""
    found = sharing()
    link = found.link if found.link is not None and found.link.lives else None
    return {
        "state": found.state,
        "problem": found.problem,
        "url": link.url if link else "",
        "until": link.until if link else 0,
        "codes": link.waiting_codes() if link else [],
        "guests": [
            {
                "session": guest.person.session,
                "name": guest.person.name,
                "role": guest.person.role,
                "since": guest.since,
                "seen": guest.seen,
            }
            for guest in (link.guests() if link else [])
        ],
        "proposals": [
            {
                "number": one.number,
                "name": one.person.name,
                "text": one.text,
                "time": one.time,
                "state": one.state,
                "said": one.said,
            }
            for one in proposals.proposals()[:SHOWN]
        ],
        "deeds": [vars(deed) for deed in deeds(SHOWN)],
        "steps": _steps(text(data, "project", limit=200)),
    }


@answered("own")
def lb_link_start(data: dict[str, Any]) -> dict[str, Any]:
    """{hours} → {}: begin to make a link."""
    hours = data.get("hours")
    if hours not in HOURS:
        raise WorkspaceError("Choose how long the link shall live.")
    sharing().start(int(hours))
    return {}


@answered("own")
def lb_link_code(data: dict[str, Any]) -> dict[str, Any]:
    """{role} → {code, url, role}: a new code, which is not told again."""
    role = text(data, "role", limit=20)
    if role not in GUESTS or role not in limits().roles:
        raise WorkspaceError("There are codes for helpers and for viewers only.")
    link = sharing().living()
    return {"code": link.new_code(role), "url": link.url, "role": role}


@answered("own")
def lb_link_out(data: dict[str, Any]) -> dict[str, Any]:
    """{session} → {said}: show somebody the door."""
    person = sharing().living().throw_out(text(data, "session", limit=80))
    proposals.forget_of(person.session)
    return {"said": f"{person.name} is out."}


@answered("own")
def lb_link_end(data: dict[str, Any]) -> dict[str, Any]:
    """{} → {said}: for everybody, at once."""
    sharing().end()
    return {"said": "The link has ended. Nobody but you can reach this page now."}


@answered("own")
def lb_proposal(data: dict[str, Any]) -> dict[str, Any]:
    """{number, yes} → {said}: what a helper would like to be started."""
    if data.get("yes") is True:
        return {"said": f"{proposals.approve(data.get('number')).text}: begun."}
    return {"said": f"{proposals.refuse(data.get('number')).text}: not done."}


@answered("own")
def lb_helped_undo(data: dict[str, Any]) -> dict[str, Any]:
    """{project, operation} → {said}: take back one step that somebody else did."""
    project = place().project(data.get("project"))
    history = open_history(project.dataset_dir)
    step = number(data, "operation", otherwise=0, low=0, high=2**53)
    if not any(one.id == step and one.author for one in history.operations(STEPS)):
        raise LorabakeError("This step is no longer there, or is your own.")
    outcome = history.undo_step(step)
    told(project.name, outcome)
    said = f"Undone in {plural(len(outcome.changed), 'file')}."
    if outcome.skipped:
        said += f" {plural(len(outcome.skipped), 'file')} left, because of changes since."
    return {"said": said}


def _steps(name: str) -> list[dict[str, Any]]:
    """Steps of others in a project, the newest first."""
    if name not in place().workspace.projects():
        return []
    found = open_history(place().project(name).dataset_dir).operations(STEPS)
    return [
        {
            "operation": one.id,
            "title": one.title,
            "name": one.author,
            "time": one.time,
            "undone": one.undone,
        }
        for one in found
        if one.author
    ][:SHOWN]


CALLS = (
    lb_here,
    lb_link,
    lb_link_start,
    lb_link_code,
    lb_link_out,
    lb_link_end,
    lb_proposal,
    lb_helped_undo,
)
