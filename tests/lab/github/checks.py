"""Check runs."""

from .answers import Answer, Refused, failed, not_found, paged, stamp, wrong
from .routes import route
from .state import ACTIONS, SHA, app_view, node

LONGEST = 65535
RUNS = "/repos/{owner}/{repo}/check-runs"


def view(call, run):
    id, output = run["id"], run["output"]
    shown = {k: output.get(k) for k in ("title", "summary", "text")}
    shown |= {"annotations_count": len(run["annotations"]), "annotations_url": call.url(f"check-runs/{id}/annotations")}
    return {k: run[k] for k in ("id", "head_sha", "name", "status", "conclusion", "started_at", "completed_at")} | {
        "node_id": node("CR", id), "external_id": run["external_id"] or "", "url": call.url(f"check-runs/{id}"), "html_url": call.web(f"runs/{id}"),
        # GitHub does not show the address that a workflow's token sends.
        "details_url": call.web(f"runs/{id}") if run["app"]["id"] == ACTIONS["id"] else run["details_url"],
        "check_suite": {"id": call.repo.suite(run["app"], run["head_sha"])}, "app": app_view(run["app"]), "output": shown,
        "pull_requests": [_pull(call, p) for p in call.repo.pulls.values() if p["head_sha"] == run["head_sha"] and p["state"] == "open" and p["head_repo"] == call.repo.full_name],
    }


def _pull(call, pull):
    repo = {"id": call.repo.id, "name": call.repo.name, "url": f"{call.base}/repos/{call.repo.full_name}"}
    ends = {end: {"ref": pull[end], "sha": pull[f"{end}_sha"], "repo": repo} for end in ("head", "base")}
    return {"id": pull["id"], "number": pull["number"], "url": call.url(f"pulls/{pull['number']}")} | ends


@route("POST", RUNS, "checks=write")
def create(call):
    body = call.body
    _only_apps(call)
    _check(body)
    if not SHA.fullmatch(body["head_sha"]) or not call.repo.knows(body["head_sha"]):
        raise Refused(422, f"No commit found for SHA: {body['head_sha']}", invalid=not SHA.fullmatch(body["head_sha"]))
    made = add(call.repo, body | {"app": call.token.app})
    return Answer(201, view(call, made))


def add(repo, given):
    run = {
        "id": repo.lab.new_id(), "head_sha": given["head_sha"], "name": given["name"], "app": given["app"], "external_id": None, "details_url": None,
        "status": "queued", "conclusion": None, "started_at": stamp(), "completed_at": None, "output": {}, "annotations": [], "actions": [],
        "of_a_job": given.get("of_a_job", False), "updates": 0,
    }
    _apply(run, given)
    repo.check_runs[run["id"]] = run
    return run


@route("PATCH", RUNS + "/{check_run_id}", "checks=write")
def update(call):
    run = _of(call)
    _only_apps(call)
    if run["app"]["id"] != call.token.app["id"]:
        raise Refused(403, f"Invalid app_id `{call.token.app['id']}` - check run can only be modified by the GitHub App that created it.")
    if run["of_a_job"] and {"status", "conclusion"} & call.body.keys():
        raise Refused(403, "Check run status and conclusions can only be updated internally by GitHub Actions")
    _check(call.body)
    _apply(run, call.body)
    run["updates"] += 1
    return Answer(200, view(call, run))


def _only_apps(call):
    if not call.token.app:
        raise Refused(403, "You must authenticate via a GitHub App.")


def _apply(run, body):
    for key in ("name", "external_id", "details_url", "status", "conclusion", "started_at", "completed_at", "actions"):
        if key in body:
            run[key] = body[key]
    if "conclusion" in body:
        run["status"] = "completed"
    if run["status"] != "completed":
        run |= {"conclusion": None, "completed_at": None}
    elif not run["completed_at"]:
        run["completed_at"] = stamp()
    if "output" in body:
        # All of it is replaced, a text that is left out is gone; annotations only ever grow.
        text = body["output"].get("text")
        # Over 65,535 bytes GitHub cuts the text without a word.
        cut = text and text.encode()[:LONGEST].decode(errors="ignore")
        run["output"] = {"title": body["output"].get("title", run["output"].get("title")), "summary": body["output"]["summary"], "text": cut}
        run["annotations"] += body["output"].get("annotations", [])


# -- What the description does not say -------------------------------------------------------------------------------

def _check(body):
    if not body.get("name", "x").strip():
        raise failed("CheckRun", "name", code="missing_field")
    if body.get("status") == "completed" and "conclusion" not in body:
        raise wrong('"conclusion" wasn\'t supplied.')
    if "completed_at" in body and "conclusion" not in body:
        raise wrong('"conclusion" wasn\'t supplied.')
    if body.get("conclusion") == "stale":
        raise failed("CheckRun", "conclusion", "conclusion stale can only be set by GitHub")
    if "details_url" in body and not body["details_url"].startswith(("http://", "https://")):
        raise failed("CheckRun", "details_url", "details_url must use the http or https scheme")
    output = body.get("output", {})
    for field in ("summary", "text"):
        # GitHub counts as JavaScript does.
        units = len(output.get(field, "").encode("utf-16-le", "surrogatepass")) // 2
        if units > LONGEST:
            raise wrong(f"Only {LONGEST} characters are allowed; {units} were supplied.")
    if len(output.get("summary", "").encode()) > LONGEST:
        raise failed("CheckRun", "summary", f"summary exceeds a maximum bytesize of {LONGEST}")
    for number, annotation in enumerate(output.get("annotations", [])):
        for field, message in _annotation(annotation):
            raise failed("CheckAnnotation", field, f"annotations[{number}]: {message}")


def _annotation(given):
    """The mistakes of one annotation."""
    path, first, last = given["path"], given["start_line"], given["end_line"]
    if not path or path.startswith(("/", "./", "../", "~")) or "\\" in path or "/../" in path or path[1:2] == ":":
        yield "path", f"path {path!r} must be relative to the repository"
    if first < 1 or last < first:
        yield "end_line", f"lines {first} to {last} are none"
    columns = [given[c] for c in ("start_column", "end_column") if c in given]
    if columns and first != last:
        yield "start_column", "start_column and end_column are allowed on one line only"
    if any(c < 1 for c in columns) or columns != sorted(columns):
        yield "end_column", f"columns {columns} are none"
    if len(given.get("title", "")) > 255:
        yield "title", "title is too long (maximum is 255 characters)"
    for field in ("message", "raw_details"):
        if len(given.get(field, "").encode()) > 64 << 10:
            yield field, f"{field} exceeds a maximum bytesize of 65536"
    if not given["message"]:
        yield "message", "message can't be blank"


# -- Reading ---------------------------------------------------------------------------------------------------------

def _of(call):
    run = call.repo.check_runs.get(call.params["check_run_id"])
    if not run:
        raise not_found()
    return run


@route("GET", RUNS + "/{check_run_id}", "checks=read")
def get(call):
    return Answer(200, view(call, _of(call)))


@route("GET", RUNS + "/{check_run_id}/annotations", "checks=read")
def annotations(call):
    run = _of(call)
    none = {"start_column": None, "end_column": None, "title": None, "raw_details": None}
    return paged(call, [none | a | {"blob_href": call.web(f"blob/{run['head_sha']}/{a['path']}")} for a in run["annotations"]])


@route("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs", "checks=read")
def of_commit(call):
    sha = call.repo.resolve(call.params["ref"])
    if not sha:
        raise Refused(422, f"No commit found for SHA: {call.params['ref']}")
    query = call.query
    found = [
        run for run in call.repo.check_runs.values()
        if run["head_sha"] == sha and query.get("check_name", run["name"]) == run["name"]
        and query.get("status", run["status"]) == run["status"] and query.get("app_id", run["app"]["id"]) == run["app"]["id"]
    ]
    if query["filter"] == "latest":
        # The newest of each name is the one that was made last, whichever was changed last.
        found = list({(run["name"], run["app"]["id"]): run for run in found}.values())
    return paged(call, [view(call, run) for run in reversed(found)], "check_runs")
