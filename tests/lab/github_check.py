"""Checks the lab's GitHub itself: each area by plain requests, and every answer against GitHub's description of it.

Usage: github_check.py       (FORGE_TEST_GITHUB_API as for github.py)
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import zipfile
from io import BytesIO

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from github.description import Description
from github.gate import ROUTES
from github.state import packed

AREAS = []
description = Description(os.environ["FORGE_TEST_GITHUB_API"], list(ROUTES))
R = "/repos/octo/images"


def area(function):
    AREAS.append(function)
    return function


class Lab:
    def __init__(self):
        began = time.monotonic()
        self.process = subprocess.Popen([sys.executable, os.path.join(os.path.dirname(__file__), "github.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.place = json.loads(self.process.stdout.readline())
        self.start = time.monotonic() - began
        self.session = requests.Session()

    def end(self):
        self.process.stdin.close()
        return self.process.wait(5)

    def door(self, name, data=None):
        answer = requests.post(f"{self.place['endpoint']}/_lab/{name}", json=data)
        assert answer.status_code == 200, f"{name}: {answer.text}"
        return answer.json()

    def api(self, method, path, body=None, token="lab-token", want=200, base=None, described=True, **more):
        headers = {"User-Agent": "check", "Authorization": f"Bearer {token}"} | more.pop("headers", {})
        url = path if path.startswith("http") else (base or self.place["endpoint"]) + path
        answer = self.session.request(method, url, json=body, headers={k: v for k, v in headers.items() if v is not None}, allow_redirects=False, **more)
        assert answer.status_code == want, f"{method} {path}: {answer.status_code} {answer.text[:400]}"
        plain = re.search("/(repos|orgs|users)/.*", url.split("?")[0])
        template, _ = description.find(method, plain[0]) if plain else (None, None)
        if described and template and answer.status_code in (200, 201):
            mistakes = description.answer_mistakes(method, template, want, answer.json())
            assert not mistakes, f"{method} {template}: {mistakes[:3]}"
        return answer

    def refused(self, *messages, want=422, **request):
        answer = self.api(want=want, **request)
        data = answer.json()
        text = json.dumps(data)
        assert all(message in data["message"] + " " + text for message in messages), text
        assert data["status"] == str(want) and data["documentation_url"].startswith("https://docs.github.com/"), text
        return answer


def run(number, **more):
    return {"name": "build", "head_sha": "b" * 40, "output": {"title": "t", "summary": "s"} | more, "status": "in_progress"} | ({"external_id": str(number)} if number else {})


def note(**more):
    return {"path": "a.pkr.hcl", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "m"} | more


@area
def check_runs(lab):
    made = lab.api("POST", f"{R}/check-runs", run(1, annotations=[note()] * 50), want=201).json()
    assert made["id"] > 1 << 32 and made["status"] == "in_progress" and made["app"]["slug"] == "github-actions" and made["pull_requests"][0]["number"] == 7
    one = f"{R}/check-runs/{made['id']}"
    lab.api("PATCH", one, {"output": {"title": "t", "summary": "s", "text": "é" * 40000, "annotations": [note(title="2")] * 5}})
    shown = lab.api("GET", one).json()["output"]
    assert shown["annotations_count"] == 55 and shown["text"] == "é" * 32767, "annotations grow, text is cut by bytes"
    assert lab.api("PATCH", one, {"output": {"summary": "s"}}).json()["output"]["text"] is None
    page = lab.api("GET", f"{one}/annotations?per_page=30&page=2")
    assert len(page.json()) == 25 and 'rel="prev"' in page.headers["Link"]
    done = lab.api("PATCH", one, {"conclusion": "success"}).json()
    assert (done["status"], done["conclusion"]) == ("completed", "success") and done["completed_at"]
    second = lab.api("POST", f"{R}/check-runs", run(2), want=201).json()
    lab.api("POST", f"{R}/check-runs", run(3) | {"name": "other"}, want=201)
    for query, count in (("", 2), ("?filter=all", 3), ("?check_name=build", 1), ("?check_name=build&filter=all", 2), ("?app_id=1", 0), ("?status=completed&filter=all", 1)):
        assert lab.api("GET", f"{R}/commits/{'b' * 40}/check-runs{query}").json()["total_count"] == count, query
    assert lab.api("GET", f"{R}/commits/heads/change-7/check-runs?check_name=build").json()["check_runs"][0]["id"] == second["id"]
    kept = lab.door("state")["check_runs"][0]
    assert len(kept["annotations"]) == 55 and kept["updates"] == 3
    assert lab.door("invalid") == []


@area
def refused_check_runs(lab):
    create = {"method": "POST", "path": f"{R}/check-runs"}
    cases = [
        ({"name": "x"}, '"head_sha" wasn\'t supplied.'),
        (run(0, annotations=[note(annotation_level="error")]), '"error" is not a member of ["notice", "warning", "failure"].'),
        (run(0, annotations=[note()] * 51), "No more than 50 items are allowed; 51 were supplied."),
        (run(0, summary="a" * 65536), "Only 65535 characters are allowed; 65536 were supplied."),
        (run(0, text="a" * 65536), "Only 65535 characters are allowed; 65536 were supplied."),
        (run(0, text="😀" * 32768), "Only 65535 characters are allowed; 65536 were supplied."),
        (run(0, summary="é" * 32768), "summary exceeds a maximum bytesize of 65535"),
        (run(0) | {"status": "completed"}, "wasn't supplied"),
        (run(0) | {"conclusion": "fine"}, "is not a member of"),
        (run(0) | {"conclusion": "stale"}, "stale"),
        (run(0) | {"completed_at": "2026-01-01T00:00:00Z"}, "wasn't supplied"),
        (run(0) | {"started_at": "yesterday"}, "is not a valid date-time"),
        (run(0) | {"head_sha": "main"}, "No commit found for SHA: main"),
        (run(0) | {"name": 3}, "is not a string"),
        (run(0) | {"colour": 3}, '"colour" is not a permitted key.'),
        (run(0) | {"actions": [{"label": "a" * 21, "description": "d", "identifier": "i"}]}, "Only 20 characters"),
        (run(0) | {"actions": [{"label": "a", "description": "d", "identifier": "i"}] * 4}, "No more than 3"),
        (run(0, annotations=[note(path="/etc/x")]), "must be relative"),
        (run(0, annotations=[note(end_line=2, start_column=1)]), "one line only"),
        (run(0, annotations=[note(start_line=0)]), "are none"),
        (run(0, annotations=[note(title="t" * 256)]), "255"),
        (run(0, annotations=[note(message="m" * 65537)]), "65536"),
        ({"name": "x", "head_sha": "b" * 40, "output": {"summary": "s"}}, '"title" wasn\'t supplied.'),
    ]
    for body, message in cases:
        lab.refused(message, body=body, **create)
    assert len(lab.door("invalid")) == len(cases)
    made = lab.api("POST", f"{R}/check-runs", run(0), want=201).json()["id"]
    one = {"method": "PATCH", "path": f"{R}/check-runs/{made}"}
    lab.refused("date-time", body={"started_at": "x"}, **one)
    lab.refused("wasn't supplied", body={"status": "completed"}, **one)
    lab.refused("not a permitted key", body={"head_sha": "b" * 40}, **one)
    lab.refused("not an integer", method="GET", path=f"{R}/check-runs/abc")
    lab.refused("Not Found", method="GET", path=f"{R}/check-runs/12", want=404)
    lab.refused("not a permitted key", method="GET", path=f"{R}/pulls?per-page=3")
    lab.refused("Not Found", method="GET", path=f"{R}/nonsense", want=404)
    lab.refused("Problems parsing JSON", method="POST", path=f"{R}/check-runs", data="{", want=400)
    lab.refused("JSON object", method="POST", path=f"{R}/check-runs", data="[]", want=400)
    lab.door("repository", {"commits": ["b" * 40]})
    lab.refused(f"No commit found for SHA: {'d' * 40}", body=run(0) | {"head_sha": "d" * 40}, **create)
    assert lab.door("invalid")[-1]["status"] == 400, "an unknown commit is no mistake of form"


@area
def who_may(lab):
    lab.refused("Requires authentication", method="GET", path=R, want=401, headers={"Authorization": None})
    lab.refused("Bad credentials", method="GET", path=R, token="nobody", want=401)
    lab.refused("User-Agent", method="GET", path=R, want=403, headers={"User-Agent": ""})
    lab.api("GET", R, headers={"Authorization": "token lab-token"})
    lab.door("tokens", [
        {"token": "reader", "permissions": {"contents": "read", "pull-requests": "read", "checks": "read"}},
        {"token": "other", "login": "forge[bot]", "app": {"id": 77, "slug": "forge", "name": "Forge"}},
        {"token": "person", "login": "octocat", "app": None},
        {"token": "short", "expires_in": -1},
        {"token": "elsewhere", "repositories": ["octo/other"]},
        {"token": "pulls", "permissions": {"pull-requests": "write"}},
    ])
    answer = lab.refused("Resource not accessible by integration", method="POST", path=f"{R}/check-runs", body=run(0), token="reader", want=403)
    assert answer.headers["X-Accepted-GitHub-Permissions"] == "checks=write"
    answer = lab.refused("Resource not accessible", method="POST", path=f"{R}/issues/7/comments", body={"body": "x"}, token="reader", want=403)
    assert answer.headers["X-Accepted-GitHub-Permissions"] == "issues=write; pull_requests=write"
    lab.refused("Resource not accessible", method="GET", path=f"{R}/actions/runs", token="reader", want=403)
    lab.door("repository", {"private": False, "issues": [{"number": 3}]})
    lab.api("GET", f"{R}/actions/runs", token="reader")
    lab.api("POST", f"{R}/issues/7/comments", {"body": "x"}, token="pulls", want=201)
    lab.refused("not accessible", method="POST", path=f"{R}/issues/3/comments", body={"body": "x"}, token="pulls", want=403)
    lab.refused("Bad credentials", method="GET", path=R, token="short", want=401)
    lab.refused("Not Found", method="GET", path=R, token="elsewhere", want=404)
    lab.refused("authenticate via a GitHub App", method="POST", path=f"{R}/check-runs", body=run(0), token="person", want=403)
    mine = lab.api("POST", f"{R}/check-runs", run(0), want=201).json()["id"]
    lab.refused("Invalid app_id `77`", method="PATCH", path=f"{R}/check-runs/{mine}", body={"conclusion": "success"}, token="other", want=403)
    job = lab.door("repository", {"check_runs": [{"name": "job", "of_a_job": True, "status": "in_progress"}]})["check_runs"][0]
    lab.refused("internally by GitHub Actions", method="PATCH", path=f"{R}/check-runs/{job}", body={"conclusion": "success"}, want=403)
    lab.api("PATCH", f"{R}/check-runs/{job}", {"output": {"title": "t", "summary": "s"}})
    assert {c["login"] for c in lab.door("calls")} >= {"github-actions[bot]", "forge[bot]", "octocat", None}


@area
def comments(lab):
    seeds = lab.door("repository", {"comments": [{"issue": 7, "body": f"by others {n}", "author": "mallory"} for n in range(250)]})["comments"]
    assert len(seeds) == 250
    made = lab.api("POST", f"{R}/issues/7/comments", {"body": "ours"}, want=201).json()
    assert made["user"]["login"] == "github-actions[bot]" and made["performed_via_github_app"]["slug"] == "github-actions" and made["issue_url"].endswith("/issues/7")
    found, url, pages = [], f"{lab.place['endpoint']}{R}/issues/7/comments?per_page=100", 0
    while url:
        page = lab.api("GET", url)
        found, pages, url = found + page.json(), pages + 1, page.links.get("next", {}).get("url")
    assert (len(found), pages) == (251, 3) and [c["id"] for c in found] == [*seeds, made["id"]]
    assert len(lab.api("GET", f"{R}/issues/7/comments?per_page=500").json()) == 100, "GitHub cuts at 100"
    one = f"{R}/issues/comments/{made['id']}"
    assert lab.api("PATCH", one, {"body": "new"}).json()["body"] == "new" == lab.api("GET", one).json()["body"]
    lab.api("POST", f"{R}/issues/7/comments", {"body": "a" * 65536}, want=201)
    lab.refused("Body is too long (maximum is 65536 characters)", method="POST", path=f"{R}/issues/7/comments", body={"body": "a" * 65537})
    lab.refused("wasn't supplied", method="POST", path=f"{R}/issues/7/comments", body={})
    lab.refused("Not Found", method="POST", path=f"{R}/issues/99/comments", body={"body": "x"}, want=404)
    query = "mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) { minimizedComment { isMinimized minimizedReason } } }"
    say = {"query": query, "variables": {"id": made["node_id"]}}
    for path in ("/graphql", "/api/graphql"):
        data = lab.api("POST", path, say).json()
        assert data == {"data": {"minimizeComment": {"minimizedComment": {"isMinimized": True, "minimizedReason": "outdated"}}}}, data
    assert lab.api("GET", one).json()["minimized"]["reason"] == "outdated"
    assert lab.api("POST", "/graphql", say | {"variables": {"id": "IC_none"}}).json()["errors"][0]["type"] == "NOT_FOUND"
    lab.door("tokens", [{"token": "reader", "permissions": {"pull-requests": "read"}}])
    data = lab.api("POST", "/graphql", say, token="reader").json()
    assert data["errors"][0]["type"] == "FORBIDDEN" and data["errors"][0]["path"] == ["minimizeComment"] and data["data"] == {"minimizeComment": None}
    before = len(lab.door("invalid"))
    for wrong in ("query { rateLimit { cost } }", "query { viewer { email } }", "mutation { addStar }", query.replace("OUTDATED", "OLD"), "nonsense {"):
        assert "errors" in lab.api("POST", "/graphql", say | {"query": wrong}).json()
    assert "data" not in lab.api("POST", "/graphql", {"query": query}).json()
    viewer = lab.api("POST", "/graphql", {"query": "query { viewer { databaseId login } }"}).json()["data"]["viewer"]
    assert viewer == {"databaseId": 41898282, "login": "github-actions[bot]"}, viewer
    query = "query($id: ID!) { node(id: $id) { ... on IssueComment { body userContentEdits(first: 2) { nodes { diff } } } } }"
    told = lab.api("POST", "/graphql", {"query": query, "variables": {"id": made["node_id"]}}).json()["data"]["node"]
    assert told["body"] == "new" and [edit["diff"] for edit in told["userContentEdits"]["nodes"]] == ["new", made["body"]], told
    assert len(lab.door("invalid")) == before + 6
    assert [c["minimized"] for c in lab.door("state")["comments"] if c["id"] == made["id"]] == ["OUTDATED"]
    lab.api("DELETE", one, want=204)
    lab.api("GET", one, want=404)
    lab.door("repository", {"pulls": [{"number": 7, "locked": True}]})
    lab.refused("Unable to create comment because issue is locked.", method="POST", path=f"{R}/issues/7/comments", body={"body": "x"}, want=403)
    for how in (404, 410):
        lab.door("repository", {"pulls": [{"number": 7, "deleted": how}]})
        lab.api("POST", f"{R}/issues/7/comments", {"body": "x"}, want=how)


@area
def pulls_and_commits(lab):
    tag = "e" * 40
    lab.door("repository", {
        "pulls": [
            {"number": 8, "head": "fix", "head_sha": "d" * 40, "head_repo": "fork/images", "files": [f"f{n}" for n in range(3100)]},
            {"number": 9, "head": "old", "merged": True, "commits": ["1" * 40]},
        ],
        "refs": {"tags/v1": "a" * 40}, "annotated_tags": [{"tag": "v2", "object": "a" * 40, "sha": tag}], "collaborators": {"alice": "maintain"},
        "runs": [{"event": "workflow_run", "head_branch": "main", "head_sha": "a" * 40, "status": "completed", "conclusion": "success", "head_repo": "fork/images"}],
    })
    pull = lab.api("GET", f"{R}/pulls/8").json()
    assert pull["head"]["label"] == "fork:fix" and pull["head"]["repo"]["fork"] and pull["base"]["repo"]["full_name"] == "octo/images"
    # A fork that was deleted: the description does not know of it.
    lab.door("repository", {"pulls": [{"number": 10, "head": "gone", "head_repo": None}]})
    assert lab.api("GET", f"{R}/pulls/10", described=False).json()["head"]["repo"] is None
    lab.door("repository", {"pulls": [{"number": 10, "head_repo": "octo/images"}]})
    assert [p["number"] for p in lab.api("GET", f"{R}/pulls?head=fork:fix").json()] == [8]
    assert [p["number"] for p in lab.api("GET", f"{R}/pulls?head=fix").json()] == [10, 8, 7], "without an owner it is not looked at"
    assert [p["number"] for p in lab.api("GET", f"{R}/pulls?state=closed").json()] == [9]
    assert [p["number"] for p in lab.api("GET", f"{R}/commits/{'1' * 40}/pulls").json()] == [9]
    total = 0
    for page in range(1, 33):
        total += len(lab.api("GET", f"{R}/pulls/8/files?per_page=100&page={page}").json())
    assert total == 3000
    assert lab.api("GET", f"{R}/commits/v2").json()["sha"] == "a" * 40
    assert lab.api("GET", f"{R}/git/ref/tags/v1").json()["object"] == {"type": "commit", "sha": "a" * 40, "url": lab.place["endpoint"] + f"{R}/git/commits/{'a' * 40}"}
    assert lab.api("GET", f"{R}/git/ref/tags/v2").json()["object"]["type"] == "tag"
    assert lab.api("GET", f"{R}/git/tags/{tag}").json()["object"]["sha"] == "a" * 40
    assert len(lab.api("GET", f"{R}/git/matching-refs/tags/v").json()) == 2
    lab.api("GET", f"{R}/git/ref/tags/none", want=404)
    assert lab.api("GET", f"{R}/collaborators/alice/permission").json()["permission"] == "write"
    assert lab.api("GET", f"{R}/collaborators/bob/permission").json()["permission"] == "none"
    lab.api("GET", f"{R}/issues/8")
    sha = f"{R}/statuses/{'b' * 40}"
    lab.api("POST", sha, {"state": "pending", "context": "Forge", "target_url": "https://x.example/"}, want=201)
    lab.api("POST", sha, {"state": "success", "context": "forge"}, want=201)
    assert lab.api("GET", f"{R}/commits/{'b' * 40}/status").json()["state"] == "success"
    assert len(lab.api("GET", f"{R}/commits/{'b' * 40}/statuses").json()) == 2
    lab.refused("140", method="POST", path=sha, body={"state": "success", "description": "d" * 141})
    lab.refused("is not a member", method="POST", path=sha, body={"state": "fine"})
    lab.refused("40 character SHA1", method="POST", path=f"{R}/statuses/abc", body={"state": "success"})
    assert lab.api("GET", f"{R}/actions/runs?event=workflow_run&status=success&created=>=2026-01-01").json()["total_count"] == 1
    run = lab.api("GET", f"{R}/actions/runs/{lab.place['run']}").json()
    assert run["head_repository"]["full_name"] == "octo/images" and run["pull_requests"][0]["number"] == 7


@area
def releases(lab):
    E = lab.place["endpoint"]
    draft = lab.api("POST", f"{R}/releases", {"tag_name": "v1.0.0", "draft": True, "body": "b"}, want=201).json()
    lab.api("GET", f"{R}/releases/tags/v1.0.0", want=404)
    where = draft["upload_url"].split("{")[0]
    assert where.startswith(f"{E}/uploads/repos/")
    type = {"Content-Type": "application/json"}
    asset = lab.api("POST", f"{where}?name=my%20image~1.json", data=b"{}", headers=type, want=201).json()
    assert (asset["name"], asset["size"], asset["digest"]) == ("my.image.1.json", 2, "sha256:" + hashlib.sha256(b"{}").hexdigest())
    lab.refused("already_exists", method="POST", path=f"{where}?name=my%20image~1.json", data=b"{}", headers=type)
    lab.refused("wasn't supplied", method="POST", path=where, data=b"{}", headers=type)
    lab.refused("Bad Content-Length", method="POST", path=f"{where}?name=e", data=b"", headers=type, want=400)
    lab.api("POST", f"{E}{R}/releases/{draft['id']}/assets?name=x", data=b"x", headers=type, want=404)
    lab.door("rules", [{"method": "POST", "path": "assets", "status": 502, "after": True, "starter": True, "times": 1}])
    lab.api("POST", f"{where}?name=half.bin", data=b"half", headers=type, want=502)
    half = [a for a in lab.api("GET", f"{R}/releases/{draft['id']}/assets", described=False).json() if a["state"] == "starter"][0]
    lab.refused("already_exists", method="POST", path=f"{where}?name=half.bin", data=b"half", headers=type)
    lab.api("DELETE", f"{R}/releases/assets/{half['id']}", want=204)
    lab.api("POST", f"{where}?name=half.bin", data=b"whole", headers=type, want=201)
    public = lab.api("PATCH", f"{R}/releases/{draft['id']}", {"draft": False}).json()
    assert public["published_at"] and not public["immutable"] and lab.api("GET", f"{R}/git/ref/tags/v1.0.0")
    assert lab.api("GET", f"{R}/releases/tags/v1.0.0").json()["id"] == draft["id"] == lab.api("GET", f"{R}/releases/latest").json()["id"]
    lab.refused("already_exists", method="POST", path=f"{R}/releases", body={"tag_name": "v1.0.0"})
    lab.refused("not well-formed", method="POST", path=f"{R}/releases", body={"tag_name": "a b"})
    found = lab.api("GET", f"{R}/releases/assets/{asset['id']}", headers={"Accept": "application/octet-stream"}, want=302)
    assert requests.get(found.headers["Location"]).content == b"{}"
    assert requests.get(asset["browser_download_url"].replace("localhost", "127.0.0.1")).content == b"{}"
    lab.door("repository", {"immutable_releases": True})
    locked = lab.api("POST", f"{R}/releases", {"tag_name": "v2"}, want=201).json()
    assert locked["immutable"]
    lab.refused("Cannot upload assets to an immutable release.", method="POST", path=f"{locked['upload_url'].split('{')[0]}?name=x", data=b"x", headers=type)
    lab.refused("cannot be changed when release is immutable", method="PATCH", path=f"{R}/releases/{locked['id']}", body={"draft": True})
    lab.api("PATCH", f"{R}/releases/{locked['id']}", {"body": "new"})
    lab.api("DELETE", f"{R}/releases/{locked['id']}", want=204)
    lab.refused("was used by an immutable release", method="POST", path=f"{R}/releases", body={"tag_name": "v2"})
    assert [a["text"] for r in lab.door("state")["releases"] for a in r["assets"]] == ["{}", "whole"]
    ghes = lab.api("GET", f"{R}/releases/{draft['id']}", base=lab.place["enterprise"]).json()
    assert ghes["upload_url"].startswith(f"{E}/api/uploads/repos/") and ghes["url"].startswith(lab.place["enterprise"])
    lab.api("POST", ghes["upload_url"].split("{")[0] + "?name=e.json", data=b"e", headers=type, want=201)


@area
def limits_and_marks(lab):
    first = lab.api("GET", f"{R}/pulls/7")
    left = int(first.headers["x-ratelimit-remaining"])
    assert first.headers["x-ratelimit-limit"] == "1000" and first.headers["x-ratelimit-resource"] == "core"
    again = lab.api("GET", f"{R}/pulls/7", headers={"If-None-Match": first.headers["ETag"]}, want=304)
    assert int(again.headers["x-ratelimit-remaining"]) == left and not again.content
    lab.door("repository", {"pulls": [{"number": 7, "title": "other"}]})
    assert int(lab.api("GET", f"{R}/pulls/7", headers={"If-None-Match": first.headers["ETag"]}).headers["x-ratelimit-remaining"]) == left - 1
    for status in (403, 429):
        lab.door("rate", {"token": "lab-token", "limit": 1000, "remaining": 1, "reset_in": 1, "status": status})
        lab.api("GET", f"{R}/pulls/7")
        answer = lab.refused("API rate limit exceeded", method="GET", path=f"{R}/pulls/7", want=status)
        assert answer.headers["x-ratelimit-remaining"] == "0" and int(answer.headers["x-ratelimit-reset"]) >= time.time()
    lab.api("GET", "/rate_limit")
    time.sleep(1.1)
    lab.api("GET", f"{R}/pulls/7")
    lab.refused("not a supported version", method="GET", path=R, headers={"X-GitHub-Api-Version": "2020-01-01"}, want=400)
    lab.refused("Accept", method="GET", path=R, headers={"Accept": "text/html"}, want=415)


@area
def rules(lab):
    lab.door("rules", [
        {"method": "PATCH", "path": "/check-runs/\\d+$", "times": 2, "status": 502}, {"method": "GET", "path": "/pulls/7$", "latency_ms": 300, "times": 1},
        {"method": "POST", "path": "/comments$", "reset": True, "after": True, "times": 1}, {"method": "GET", "path": "/releases$", "reset": True},
        {"path": "/statuses/", "status": 403, "headers": {"retry-after": "1"}, "message": "You have exceeded a secondary rate limit.", "nth": 2},
        {"path": "/actions/runs$", "status": 503, "body": "<html>no server</html>"},
    ])
    made = lab.api("POST", f"{R}/check-runs", run(0), want=201).json()["id"]
    for want in (502, 502, 200):
        lab.api("PATCH", f"{R}/check-runs/{made}", {"conclusion": "success"}, want=want)
    began = time.monotonic()
    lab.api("GET", f"{R}/pulls/7")
    assert time.monotonic() - began >= 0.3
    for method, path, body in (("POST", f"{R}/issues/7/comments", {"body": "made it"}), ("GET", f"{R}/releases", None)):
        try:
            requests.request(method, lab.place["endpoint"] + path, json=body, headers={"Authorization": "Bearer lab-token"})
            raise AssertionError("there was an answer")
        except requests.ConnectionError:
            pass
    assert [c["body"] for c in lab.door("state")["comments"]] == ["made it"]
    status = f"{R}/statuses/{'b' * 40}"
    for want in (201, 403, 201):
        answer = lab.api("POST", status, {"state": "success"}, want=want)
        assert answer.headers.get("retry-after") == ("1" if want == 403 else None)
    assert lab.api("GET", f"{R}/actions/runs", want=503).text == "<html>no server</html>"
    lab.door("rules", [{"method": "DELETE", "hold": True}])
    thread = threading.Thread(target=lambda: lab.api("DELETE", f"{R}/issues/comments/1", want=404))
    thread.start()
    while not lab.door("held"):
        time.sleep(0.01)
    lab.door("release")
    thread.join(5)
    calls = lab.door("calls")
    assert calls[-1]["method"] == "DELETE" and [c["status"] for c in calls if c["method"] == "PATCH"] == [502, 502, 200] and calls[0]["bytes"] > 10
    assert [c["status"] for c in calls if c["path"].endswith("/releases")] == [None] and calls[0]["body"]["name"] == "build"


@area
def apps(lab):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    lab.door("apps", [{"id": 77, "slug": "forge", "public_key": public, "installations": [{"id": 5, "repositories": ["octo/images"], "permissions": {"checks": "write", "pull-requests": "write"}}]}])

    def jwt(key=key, **claims):
        body = f"{packed({'alg': 'RS256', 'typ': 'JWT'})}.{packed({'iss': 77, 'iat': int(time.time()) - 60, 'exp': int(time.time()) + 540} | claims)}"
        signature = key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    assert lab.api("GET", "/app", token=jwt()).json()["slug"] == "forge"
    place = lab.api("GET", f"{R}/installation", token=jwt(iss="77")).json()
    assert place["id"] == 5
    path = f"/app/installations/{place['id']}/access_tokens"
    made = lab.api("POST", path, {"repositories": ["images"], "permissions": {"checks": "write"}}, token=jwt(), want=201).json()
    assert made["expires_at"].endswith("Z") and made["permissions"] == {"checks": "write"}
    check = lab.api("POST", f"{R}/check-runs", run(0) | {"details_url": "https://x.example/"}, token=made["token"], want=201).json()
    assert check["app"]["slug"] == "forge" and check["details_url"] == "https://x.example/"
    lab.refused("not accessible", method="POST", path=f"{R}/issues/7/comments", body={"body": "x"}, token=made["token"], want=403)
    whole = lab.api("POST", path, token=jwt(), want=201).json()["token"]
    assert lab.api("POST", f"{R}/issues/7/comments", {"body": "x"}, token=whole, want=201).json()["user"]["login"] == "forge[bot]"
    for token, message in (
        (jwt(rsa.generate_private_key(public_exponent=65537, key_size=2048)), "could not be decoded"), (jwt(iss=78), "could not be decoded"), ("lab-token", "could not be decoded"),
        (jwt(exp=int(time.time()) + 700), "too far in the future"), (jwt(exp=int(time.time()) - 5), "('exp')"), (jwt(iat=int(time.time()) + 90), "('iat')"),
    ):
        lab.refused(message, method="POST", path=path, token=token, want=401)
    lab.refused("not granted", method="POST", path=path, body={"permissions": {"contents": "write"}}, token=jwt())
    lab.refused("does not exist", method="POST", path=path, body={"repositories": ["none"]}, token=jwt())
    lab.api("GET", "/repos/octo/none/installation", token=jwt(), want=404)
    lab.api("DELETE", "/installation/token", token=whole, want=204)
    lab.refused("Bad credentials", method="GET", path=R, token=whole, want=401)
    lab.door("settings", {"app_token_seconds": 0})
    late = lab.api("POST", path, token=jwt(), want=201).json()["token"]
    lab.refused("Bad credentials", method="GET", path=R, token=late, want=401)


@area
def artifact_service(lab):
    token = lab.place["runtime_token"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    _, backend, job = next(s for s in claims["scp"].split() if s.startswith("Actions.Results:")).split(":")
    ids = {"workflow_run_backend_id": backend, "workflow_job_run_backend_id": job}

    def call(method, want=200, token=token, **fields):
        url = f"{lab.place['endpoint']}/twirp/github.actions.results.api.v1.ArtifactService/{method}"
        answer = requests.post(url, json=ids | fields, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == want, f"{method}: {answer.status_code} {answer.text}"
        return answer.json()

    def put(url, data, want=201, **headers):
        answer = requests.put(url, data=data, headers={k.replace("_", "-"): v for k, v in headers.items()})
        assert answer.status_code == want, answer.text
        return answer

    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("image-manifest.json", "{}")
    content, name = out.getvalue(), "forge-manifest"
    made = call("CreateArtifact", name=name, version=7, mime_type="application/zip", expires_at="2030-01-01T00:00:00.123Z")
    assert made["ok"]
    url = made["signed_upload_url"]
    assert call("FinalizeArtifact", 400, name=name, size=str(len(content)))["code"] == "invalid_argument"
    blocks = [base64.b64encode(f"{n:048}".encode()).decode() for n in range(2)]
    for block, part in zip(blocks, (content[:40], content[40:])):
        put(f"{url}&comp=block&blockid={requests.utils.quote(block, safe='')}", part)
    assert put(f"{url}&comp=block&blockid=AAAA", b"x", 400).headers["x-ms-error-code"] == "InvalidBlobOrBlock"
    assert put(f"{url}&comp=blocklist", "<BlockList><Latest>none</Latest></BlockList>", 400).headers["x-ms-error-code"] == "InvalidBlockList"
    put(f"{url}&comp=blocklist", f"<?xml version='1.0'?><BlockList>{''.join(f'<Latest>{b}</Latest>' for b in blocks)}</BlockList>")
    assert put(url, b"x", 400).headers["x-ms-error-code"] == "MissingRequiredHeader"
    assert put(url, b"x", 400, x_ms_blob_type="BlockBlob", Authorization="Bearer x").headers["x-ms-error-code"] == "InvalidAuthenticationInfo"
    assert put(url.replace("sig=", "sig=a"), b"x", 403, x_ms_blob_type="BlockBlob").headers["x-ms-error-code"] == "AuthenticationFailed"
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    call("FinalizeArtifact", 400, name=name, size="3")
    call("FinalizeArtifact", 400, name=name, size=str(len(content)), hash="sha256:00")
    done = call("FinalizeArtifact", name=name, size=str(len(content)), hash=digest)
    assert done["ok"] and int(done["artifact_id"]) > 0
    assert call("CreateArtifact", 409, name=name, version=4) == {"code": "already_exists", "msg": "an artifact with this name already exists on the workflow run"}
    assert call("CreateArtifact", 400, name="a/b", version=4)["code"] == "invalid_argument"
    assert call("CreateArtifact", 401, token="x", name="b", version=4)["code"] == "unauthenticated"
    assert call("CreateArtifact", 403, workflow_run_backend_id="other", name="b", version=4)["code"] == "permission_denied"
    assert call("CreateArtifact", 400, name="b", version=4, hash={"value": "x"})["code"] == "malformed"
    listed = call("ListArtifacts", name_filter=name)["artifacts"]
    assert [(a["name"], a["size"], a["digest"]) for a in listed] == [(name, str(len(content)), digest)] and call("ListArtifacts", id_filter="1")["artifacts"] == []
    got = requests.get(call("GetSignedArtifactURL", name=name)["signed_url"])
    assert got.content == content and got.headers["Content-Type"] == "application/zip"
    rest = lab.api("GET", f"{R}/actions/runs/{lab.place['run']}/artifacts?name={name}").json()["artifacts"]
    assert rest == lab.api("GET", f"{R}/actions/artifacts?name={name}").json()["artifacts"] and rest[0]["digest"] == digest and str(rest[0]["id"]) == done["artifact_id"]
    found = lab.api("GET", f"{R}/actions/artifacts/{rest[0]['id']}/zip", want=302)
    assert requests.get(found.headers["Location"]).content == content
    lab.door("settings", {"download_seconds": -2})
    late = lab.api("GET", f"{R}/actions/artifacts/{rest[0]['id']}/zip", want=302)
    assert requests.get(late.headers["Location"]).status_code == 403
    assert lab.door("state")["artifacts"][0]["files"] == {"image-manifest.json": {"size": 2, "text": "{}"}}
    old = lab.door("repository", {"artifacts": [{"name": "old", "files": {"a": "b"}, "expired": True}]})["artifacts"][0]
    lab.refused("expired", method="GET", path=f"{R}/actions/artifacts/{old}/zip", want=410)
    assert call("DeleteArtifact", name=name)["artifact_id"] == done["artifact_id"]
    call("DeleteArtifact", 404, name=name)


@area
def runs_of_a_workflow(lab):
    lab.door("repository", {"runs": [{"id": 11, "path": ".github/workflows/a.yml", "event": "push"}, {"id": 12, "path": ".github/workflows/b.yml"}]})
    assert [r["id"] for r in lab.api("GET", f"{R}/actions/workflows/a.yml/runs?event=push").json()["workflow_runs"]] == [11]
    assert lab.api("GET", f"{R}/actions/workflows/a.yml/runs?event=release").json()["total_count"] == 0
    lab.refused("Not Found", method="GET", path=f"{R}/actions/workflows/c.yml/runs", want=404)


@area
def packages(lab):
    versions = [{"id": 1, "digest": "sha256:" + "1" * 64, "tags": ["a", "b"]}, {"id": 2, "tags": []}, {"id": 3, "tags": ["c"]}]
    lab.door("packages", [{"owner": "octo", "name": "images/web", "versions": versions}, {"owner": "mona", "kind": "users", "name": "web", "versions": versions[:1]}])
    of_octo = "/orgs/octo/packages/container/images%2Fweb/versions"
    shown = lab.api("GET", f"{of_octo}?per_page=2&page=2").json()
    assert [v["id"] for v in shown] == [1] and shown[0]["metadata"]["container"]["tags"] == ["a", "b"]
    of_mona = "/users/mona/packages/container/web/versions"
    assert lab.api("GET", of_mona).json()[0]["name"] == "sha256:" + "1" * 64
    lab.refused('"per_page" is not a permitted key.', method="GET", path=f"{of_mona}?per_page=2", want=422)
    lab.refused("Not Found", method="GET", path="/users/octo/packages/container/images%2Fweb/versions", want=404)
    lab.api("DELETE", f"{of_octo}/1", want=204)
    lab.refused("last tagged version", method="DELETE", path=f"{of_octo}/3", want=400)
    lab.door("tokens", [{"token": "reads", "permissions": {"packages": "read"}}])
    lab.api("GET", of_octo, token="reads")
    lab.refused("not accessible", method="DELETE", path=f"{of_octo}/2", token="reads", want=403)


@area
def attestations(lab):
    digest = "sha256:" + "1" * 64
    statement = {"predicateType": "https://slsa.dev/provenance/v1", "subject": [{"name": "a", "digest": {"sha256": "1" * 64}}]}
    bundles = [{"mediaType": str(n), "dsseEnvelope": {"payload": base64.b64encode(json.dumps(statement).encode()).decode()}} for n in range(3)]
    other = {"dsseEnvelope": {"payload": base64.b64encode(json.dumps(statement | {"predicateType": "https://other"}).encode()).decode()}}
    lab.door("repository", {"attestations": [*bundles, other]})
    path = f"{R}/attestations/{digest}"
    assert len(lab.api("GET", path).json()["attestations"]) == 4 and len(lab.api("GET", f"{path}?predicate_type=provenance").json()["attestations"]) == 3
    first = lab.api("GET", f"{path}?predicate_type=https://slsa.dev/provenance/v1&per_page=2")
    assert [a["bundle"]["mediaType"] for a in first.json()["attestations"]] == ["2", "1"]
    second = lab.api("GET", first.headers["Link"].split("<")[1].split(">")[0].replace("per_page=2", "per_page=5"), described=False)
    assert [a["bundle"]["mediaType"] for a in second.json()["attestations"]] == ["0"] and "Link" not in second.headers
    lab.door("settings", {"inline_bundles": False})
    there = lab.api("GET", path).json()["attestations"][-1]
    assert "bundle" not in there and requests.get(there["bundle_url"]).headers["Content-Type"] == "application/x-snappy"
    lab.refused("Not Found", method="GET", path=f"{R}/attestations/sha256:{'2' * 64}", want=404)
    lab.door("tokens", [{"token": "poor", "permissions": {"contents": "read"}}])
    lab.refused("not accessible", method="GET", path=path, token="poor", want=403)


@area
def both_addresses(lab):
    for base in (lab.place["endpoint"], lab.place["enterprise"]):
        shown = lab.api("POST", f"{R}/issues/7/comments", {"body": "x"}, base=base, want=201).json()
        assert shown["url"].startswith(f"{base}/repos/")
    lab.door("repository", {"name": "octo/other", "pulls": [{"number": 1}]})
    assert lab.api("GET", "/repos/octo/other/pulls/1").json()["number"] == 1
    lab.api("GET", "/repos/octo/none/pulls/1", want=404)
    place = lab.door("reset")
    assert place["run"] == lab.place["run"] and lab.door("calls") == [] and lab.door("state")["comments"] == []
    lab.api("GET", "/repos/octo/other/pulls/1", want=404)


if __name__ == "__main__":
    lab = Lab()
    assert lab.start < 1, f"it took {lab.start:.2f} s to start"
    for check in AREAS:
        began = time.monotonic()
        lab.place = lab.door("reset")
        check(lab)
        print(f"{check.__name__}: {time.monotonic() - began:.2f} s")
    assert lab.end() == 0
    print(f"all well; the start took {lab.start:.2f} s")
