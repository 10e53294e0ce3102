"""The Docker Engine's interface, as far as the lab needs it: a request is 20 ms of work less than a start of `docker`."""

import http.client
import json
import os
import socket
import urllib.parse


class Refused(Exception):
    """What the engine says against a request; `status` is that of HTTP."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class _Local(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def _connection():
    place = urllib.parse.urlsplit(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    return _Local(place.path) if place.scheme == "unix" else http.client.HTTPConnection(place.hostname, place.port)


def ask(method, path, body=None, /, **query):
    """The answer to one request, decoded; `body` is JSON, or a tar as bytes. Raises `Refused`."""
    tar = isinstance(body, bytes)
    connection = _connection()
    try:
        connection.request(
            method, f"/v1.41{path}?{urllib.parse.urlencode(query)}", body if tar or body is None else json.dumps(body),
            {"Content-Type": "application/x-tar" if tar else "application/json"},
        )
        response = connection.getresponse()
        said = response.read()
    finally:
        connection.close()
    found = json.loads(said) if said.strip() else None
    if response.status >= 400:
        raise Refused(response.status, (found or {}).get("message", response.reason))
    return found
