"""Runs of workflows and their artifacts, as the API shows them."""

import re

from .answers import Answer, Refused, not_found, paged
from .artifacts import signed
from .pulls import repo_view
from .routes import route
from .state import node, user

ACTIONS = "/repos/{owner}/{repo}/actions"


def view(call, run):
    id, repo = run["id"], call.repo
    head = repo_view(call, repo if run["head_repo"] == repo.full_name else run["head_repo"])
    pulls = [p for p in repo.pulls.values() if p["head_sha"] == run["head_sha"] and p["head_repo"] == repo.full_name == run["head_repo"]]
    return {k: run[k] for k in ("id", "name", "path", "event", "status", "conclusion", "head_branch", "head_sha", "run_number", "run_attempt", "workflow_id", "created_at")} | {
        "node_id": node("WFR", id), "display_title": run["name"], "updated_at": run["created_at"], "run_started_at": run["created_at"], "url": call.url(f"actions/runs/{id}"),
        "html_url": call.web(f"actions/runs/{id}"), "artifacts_url": call.url(f"actions/runs/{id}/artifacts"), "actor": user(run["actor"]), "triggering_actor": user(run["actor"]),
        "head_repository": head, "repository": repo_view(call, repo),
        # Empty for forks, as on GitHub.
        "pull_requests": [{"id": p["id"], "number": p["number"], "head": {"ref": p["head"], "sha": p["head_sha"]}, "base": {"ref": p["base"], "sha": p["base_sha"]}} for p in pulls],
    }


def _of(call):
    run = call.repo.runs.get(call.params["run_id"])
    if not run:
        raise not_found()
    return run


@route("GET", ACTIONS + "/runs/{run_id}", "actions=read")
def get(call):
    return Answer(200, view(call, _of(call)))


@route("GET", ACTIONS + "/runs", "actions=read")
def all_runs(call):
    return _runs(call, list(call.repo.runs.values()))


@route("GET", ACTIONS + "/workflows/{workflow_id}/runs", "actions=read")
def of_workflow(call):
    """By its number or the name of its file. One that has never run is not known to the lab."""
    wanted = str(call.params["workflow_id"])
    found = [r for r in call.repo.runs.values() if wanted in (str(r["workflow_id"]), r["path"].split("/")[-1])]
    if not found:
        raise not_found()
    return _runs(call, found)


def _runs(call, runs):
    query = call.query
    keys = {"event": "event", "branch": "head_branch", "head_sha": "head_sha", "actor": "actor"}
    found = [r for r in runs if all(r[key] == query[name] for name, key in keys.items() if name in query)]
    if "status" in query:
        found = [r for r in found if query["status"] in (r["status"], r["conclusion"])]
    found = [r for r in found if _in_time(r["created_at"], query.get("created", "*"))]
    return paged(call, [view(call, r) for r in reversed(found)], "workflow_runs")


def _in_time(at, wanted):
    """Whether a time is in a range as GitHub's search writes it: >=2026-01-01, 2026-01-01..*, 2026-01-01."""
    first, dots, last = wanted.partition("..")
    if dots:
        return (first == "*" or at >= first) and (last == "*" or at[: len(last)] <= last)
    sign, day = re.match(r"([<>]?=?)(.*)", wanted).groups()
    part = at[: len(day)]
    return day == "*" or {">=": part >= day, "<=": part <= day, ">": part > day, "<": part < day}.get(sign, part == day)


def _artifact(call, artifact):
    id, run = artifact["id"], call.repo.runs[artifact["run"]]
    head = call.repo.id if run["head_repo"] == call.repo.full_name else repo_view(call, run["head_repo"])["id"]
    return {k: artifact[k] for k in ("id", "name", "expired", "created_at", "expires_at", "digest")} | {
        "node_id": node("MDg6QXJ0aWZhY3Q", id), "size_in_bytes": artifact["size"], "url": call.url(f"actions/artifacts/{id}"), "updated_at": artifact["created_at"],
        "archive_download_url": call.url(f"actions/artifacts/{id}/zip"),
        "workflow_run": {"id": run["id"], "repository_id": call.repo.id, "head_repository_id": head, "head_branch": run["head_branch"], "head_sha": run["head_sha"]},
    }


def _artifacts(call, found):
    name = call.query.get("name")
    return paged(call, [_artifact(call, a) for a in reversed(list(found)) if a["final"] and name in (None, a["name"])], "artifacts")


@route("GET", ACTIONS + "/artifacts", "actions=read")
def all_artifacts(call):
    return _artifacts(call, call.repo.artifacts.values())


@route("GET", ACTIONS + "/runs/{run_id}/artifacts", "actions=read")
def artifacts_of_run(call):
    run = _of(call)
    return _artifacts(call, [a for a in call.repo.artifacts.values() if a["run"] == run["id"]])


def _artifact_of(call):
    artifact = call.repo.artifacts.get(call.params["artifact_id"])
    if not artifact or not artifact["final"]:
        raise not_found()
    return artifact


@route("GET", ACTIONS + "/artifacts/{artifact_id}", "actions=read")
def artifact(call):
    return Answer(200, _artifact(call, _artifact_of(call)))


@route("DELETE", ACTIONS + "/artifacts/{artifact_id}", "actions=write")
def delete(call):
    del call.repo.artifacts[_artifact_of(call)["id"]]
    return Answer(204)


@route("GET", ACTIONS + "/artifacts/{artifact_id}/{archive_format}", "actions=read")
def download(call):
    found = _artifact_of(call)
    if call.params["archive_format"] != "zip":
        raise not_found()
    if found["expired"]:
        raise Refused(410, "Artifact has expired")
    return Answer(302, headers={"Location": signed(call, found["key"], "r", call.lab.settings["download_seconds"])})
