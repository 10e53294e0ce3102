"""The table of the calls that the lab answers; the handlers enter themselves."""

from typing import NamedTuple

ROUTES = {}


class Route(NamedTuple):
    handler: object
    needs: str  # As in X-Accepted-GitHub-Permissions.
    by: str  # "token", or "app" for calls with an app's own signature.
    upload: bool  # Served at the address for uploads, and there only.
    free: bool  # Not counted.


def route(method, template, needs="metadata=read", by="token", upload=False, free=False):
    def enter(handler):
        ROUTES[(method, template)] = Route(handler, needs, by, upload, free)
        return handler

    return enter
