"""Packages of container images: their versions, each a manifest with its tags."""

import urllib.parse

from . import access
from .answers import Answer, Refused, not_found, paged, stamp
from .routes import route

VERSIONS = "/packages/{package_type}/{package_name}/versions"


def _versions(call, needs):
    """The versions of the package; an organization's are at another path than a person's."""
    access.require(call, needs)
    kind = "orgs" if "org" in call.params else "users"
    owner = call.params.get("org") or call.params["username"]
    found = call.lab.packages.get((kind, owner.lower(), urllib.parse.unquote(call.params["package_name"])))
    if found is None or call.params["package_type"] != "container":
        raise not_found()
    return found


def _list(call):
    found, own = _versions(call, "packages=read"), call.path.removesuffix("/versions")
    view = lambda version: {
        "id": version["id"], "name": version["digest"], "url": f"{call.base}{own}/versions/{version['id']}", "package_html_url": f"{call.host}{own}",
        "created_at": stamp(), "updated_at": stamp(), "metadata": {"package_type": "container", "container": {"tags": version["tags"]}},
    }
    return paged(call, [view(version) for version in reversed(found)])


def _delete(call):
    found = _versions(call, "packages=write")
    version = next((version for version in found if version["id"] == call.params["package_version_id"]), None)
    if version is None:
        raise not_found()
    if version["tags"] and sum(bool(other["tags"]) for other in found) == 1:
        raise Refused(400, "You cannot delete the last tagged version of a package. You must delete the package instead.")
    found.remove(version)
    return Answer(204)


for owner in ("/orgs/{org}", "/users/{username}"):
    route("GET", owner + VERSIONS, "packages=read")(_list)
    route("DELETE", owner + VERSIONS + "/{package_version_id}", "packages=write")(_delete)
