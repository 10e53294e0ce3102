"""Releases and their assets."""

import hashlib
import re
import urllib.parse
import uuid

from .access import may
from .answers import Answer, Refused, failed, not_found, paged, stamp
from .artifacts import signed
from .routes import route
from .state import node, user

RELEASES = "/repos/{owner}/{repo}/releases"


def view(call, release):
    id, tag = release["id"], urllib.parse.quote(release["tag_name"], safe="")
    shown = ("id", "tag_name", "target_commitish", "name", "body", "draft", "prerelease", "immutable", "created_at", "published_at")
    return {k: release[k] for k in shown} | {
        "node_id": node("RE", id), "url": call.url(f"releases/{id}"), "assets_url": call.url(f"releases/{id}/assets"), "author": user(release["author"]),
        "html_url": call.web(f"releases/tag/{'untagged-' + str(id) if release['draft'] else tag}"), "tarball_url": None, "zipball_url": None,
        "upload_url": f"{call.uploads}/repos/{call.repo.full_name}/releases/{id}/assets{{?name,label}}", "assets": [_asset(call, a) for a in _assets(call, release)],
    }


def _asset(call, asset):
    id, release = asset["id"], call.repo.releases[asset["release"]]
    tag = urllib.parse.quote(release["tag_name"], safe="")
    shown = {k: asset[k] for k in ("id", "name", "label", "state", "content_type", "size", "created_at", "updated_at")}
    # Servers of some age know none.
    shown["digest"] = asset["digest"] if call.lab.settings["asset_digests"] else None
    return shown | {
        "node_id": node("RA", id), "url": call.url(f"releases/assets/{id}"), "uploader": user(asset["uploader"]), "download_count": 0,
        "browser_download_url": call.web(f"releases/download/{tag}/{urllib.parse.quote(asset['name'])}"),
    }


def _assets(call, release):
    return [a for a in call.repo.assets.values() if a["release"] == release["id"]]


def _visible(call):
    """Drafts are there for those who may write."""
    writer = may(call.token, "contents=write")
    return [r for r in reversed(call.repo.releases.values()) if writer or not r["draft"]]


def _of(call):
    found = next((r for r in _visible(call) if r["id"] == call.params["release_id"]), None)
    if not found:
        raise not_found()
    return found


@route("GET", RELEASES, "contents=read")
def all_releases(call):
    return paged(call, [view(call, r) for r in _visible(call)])


@route("GET", RELEASES + "/latest", "contents=read")
def latest(call):
    published = [r for r in _visible(call) if not r["draft"] and not r["prerelease"]]
    found = next((r for r in published if r["latest"]), None) or (published[0] if published else None)
    if not found:
        raise not_found()
    return Answer(200, view(call, found))


@route("GET", RELEASES + "/tags/{tag}", "contents=read")
def by_tag(call):
    found = next((r for r in _visible(call) if r["tag_name"] == call.params["tag"] and not r["draft"]), None)
    if not found:
        raise not_found()
    return Answer(200, view(call, found))


@route("GET", RELEASES + "/{release_id}", "contents=read")
def get(call):
    return Answer(200, view(call, _of(call)))


@route("POST", RELEASES, "contents=write")
def create(call):
    _check(call.body)
    made = add(call.repo, call.body, call.token.login)
    return Answer(201, view(call, made), {"Location": call.url(f"releases/{made['id']}")})


def add(repo, given, author):
    release = {
        "id": repo.lab.new_id(), "tag_name": "", "target_commitish": repo.default_branch, "name": None, "body": None, "draft": False, "prerelease": False,
        "immutable": False, "latest": False, "created_at": stamp(), "published_at": None, "author": author,
    }
    _change(repo, release, given)
    repo.releases[release["id"]] = release
    return release


def _check(body):
    tag = body.get("tag_name", "x")
    if not tag or re.search(r"[\s~^:?*\[\\]|\.\.|@\{|^[./]|[./]$|\.lock$", tag):
        raise failed("Release", "tag_name", "tag_name is not well-formed")


def _change(repo, release, body):
    wanted = release | {k: body[k] for k in ("tag_name", "target_commitish", "name", "body", "draft", "prerelease") if k in body}
    if release["immutable"]:
        for field, word in (("draft", "state"), ("tag_name", "tag_name"), ("target_commitish", "target_commitish")):
            if wanted[field] != release[field]:
                raise failed("Release", field, f"{word} cannot be changed when release is immutable", invalid=False)
    if not wanted["draft"]:
        _may_publish(repo, release, wanted)
        wanted["published_at"] = wanted["published_at"] or stamp()
        wanted["immutable"] = release["immutable"] or repo.immutable_releases
        if body.get("make_latest", "true") == "true" and not wanted["prerelease"]:
            for other in repo.releases.values():
                other["latest"] = False
            wanted["latest"] = True
    release |= wanted


def _may_publish(repo, release, wanted):
    """Makes the tag where it is missing, as GitHub does."""
    tag = wanted["tag_name"]
    if any(r["tag_name"] == tag and not r["draft"] and r["id"] != release["id"] for r in repo.releases.values()):
        raise failed("Release", "tag_name", code="already_exists", invalid=False)
    if tag in repo.burnt_tags:
        raise failed("Release", "tag_name", "tag_name was used by an immutable release", invalid=False)
    if f"tags/{tag}" not in repo.refs:
        sha = repo.resolve(wanted["target_commitish"])
        if not sha:
            raise failed("Release", "target_commitish", code="invalid", invalid=False)
        repo.refs[f"tags/{tag}"] = sha


@route("PATCH", RELEASES + "/{release_id}", "contents=write")
def update(call):
    release = _of(call)
    _check(call.body)
    _change(call.repo, release, call.body)
    return Answer(200, view(call, release))


@route("DELETE", RELEASES + "/{release_id}", "contents=write")
def delete(call):
    release = _of(call)
    if release["immutable"]:
        # The name of its tag is gone for good.
        call.repo.burnt_tags.add(release["tag_name"])
    for asset in _assets(call, release):
        del call.repo.assets[asset["id"]]
    del call.repo.releases[release["id"]]
    return Answer(204)


# -- Assets ----------------------------------------------------------------------------------------------------------

@route("GET", RELEASES + "/{release_id}/assets", "contents=read")
def assets(call):
    return paged(call, [_asset(call, a) for a in _assets(call, _of(call))])


@route("POST", RELEASES + "/{release_id}/assets", "contents=write", upload=True)
def upload(call):
    release, request = _of(call), call.request
    if release["immutable"]:
        raise Refused(422, "Cannot upload assets to an immutable release.")
    content = request.get_data(cache=True)
    if "Content-Length" not in request.headers or not content:
        raise Refused(400, "Bad Content-Length: the length of the asset must be given, and not be 0", invalid=True)
    if "Content-Type" not in request.headers:
        raise failed("ReleaseAsset", "content_type", code="missing_field")
    name = renamed(call.query["name"])
    if any(a["name"] == name for a in _assets(call, release)):
        # Also when it is only half there.
        raise failed("ReleaseAsset", "name", code="already_exists", invalid=False)
    asset = {
        "id": call.lab.new_id(), "release": release["id"], "name": name, "label": call.query.get("label", ""), "content_type": request.headers["Content-Type"],
        "state": "starter" if call.starter else "uploaded", "size": 0 if call.starter else len(content), "uploader": call.token.login,
        "digest": None if call.starter else f"sha256:{hashlib.sha256(content).hexdigest()}", "created_at": stamp(), "updated_at": stamp(), "key": f"releases/{uuid.uuid4()}",
    }
    call.repo.assets[asset["id"]] = asset
    call.lab.blobs[asset["key"]] = {"content": None if call.starter else content, "blocks": {}, "type": asset["content_type"], "name": name}
    return Answer(201, _asset(call, asset), {"Location": call.url(f"releases/assets/{asset['id']}")})


def renamed(name):
    """GitHub's names of assets have no odd characters."""
    name = re.sub(r"[^\w.+@-]+", ".", name, flags=re.ASCII).rstrip(".")
    return f"default{name}" if name.startswith(".") else name


def _asset_of(call):
    asset = call.repo.assets.get(call.params["asset_id"])
    if not asset or not any(r["id"] == asset["release"] for r in _visible(call)):
        raise not_found()
    return asset


@route("GET", RELEASES + "/assets/{asset_id}", "contents=read")
def asset(call):
    found = _asset_of(call)
    if "application/octet-stream" in call.request.headers.get("Accept", ""):
        return Answer(302, headers={"Location": signed(call, found["key"], "r", call.lab.settings["download_seconds"])})
    return Answer(200, _asset(call, found))


@route("PATCH", RELEASES + "/assets/{asset_id}", "contents=write")
def update_asset(call):
    found = _changeable(call)
    if "name" in call.body:
        found["name"] = renamed(call.body["name"])
    found |= {"label": call.body.get("label", found["label"]), "updated_at": stamp()}
    return Answer(200, _asset(call, found))


@route("DELETE", RELEASES + "/assets/{asset_id}", "contents=write")
def delete_asset(call):
    del call.repo.assets[_changeable(call)["id"]]
    return Answer(204)


def _changeable(call):
    found = _asset_of(call)
    if call.repo.releases[found["release"]]["immutable"]:
        raise Refused(422, "Cannot change assets of an immutable release.")
    return found


def download(call):
    """A published asset at its address for browsers."""
    owner, name, _, _, tag, file = call.request.path.strip("/").split("/", 5)
    repo = call.lab.repository(f"{owner}/{name}")
    tag, call.token = urllib.parse.unquote(tag), None
    for asset in repo.assets.values() if repo else ():
        release = repo.releases[asset["release"]]
        if (release["tag_name"], asset["name"], release["draft"]) == (tag, file, False):
            return Answer(302, headers={"Location": signed(call, asset["key"], "r", 300)}, raw=b"", type="text/html")
    return Answer(404, raw=b"Not Found", type="text/plain")
