"""GitHub for the tests: its REST API with state, the runner's artifact service, one mutation and one query of GraphQL.

Every request is held against GitHub's own description of the API (npm: @octokit/openapi), whose file is named by
FORGE_TEST_GITHUB_API; what the description does not say and GitHub does is in the parts, in the folder github.

Usage: github.py [each]
Prints one line of JSON when it is ready, and ends when its standard input does. With `each` the line names a socket, and
each connection to it is a GitHub of its own.
The API is at the endpoint itself and, as an Enterprise Server has it, at /api/v3. The tests' own door is /_lab/...
"""

import json
import os
import signal
import sys
import threading

from werkzeug.serving import WSGIRequestHandler, make_server

# Nothing that a test run leaves in the checkout.
sys.dont_write_bytecode = True

# The folder of that name, which comes before this file.
from github.description import Description  # noqa: E402
from github.gate import application  # noqa: E402
from github.routes import ROUTES  # noqa: E402
from github.state import HEAD, MAIN, MERGE, Lab  # noqa: E402
from nursery import serve_each  # noqa: E402


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer are two packets: the second one would wait 40 ms for the first to be acknowledged.
    disable_nagle_algorithm = True

    def log_request(self, *_):
        pass


path = os.environ.get("FORGE_TEST_GITHUB_API") or sys.exit("FORGE_TEST_GITHUB_API is not set: run script/setup")
description = Description(path, list(ROUTES))


def serve():
    """One GitHub, until standard input ends."""
    lab = Lab(description)
    server = make_server("127.0.0.1", 0, application(lab), threaded=True, request_handler=Handler)
    endpoint = f"http://127.0.0.1:{server.port}"

    def place():
        """What a program is given to find the lab; the same again after a reset, but for the token of the run."""
        run = lab.first_run
        return {
            "endpoint": endpoint, "enterprise": f"{endpoint}/api/v3", "graphql": f"{endpoint}/graphql", "results": f"{endpoint}/", "token": "lab-token",
            "repository": "octo/images", "pull": 7, "main": MAIN, "head": HEAD, "merge": MERGE, "run": run["id"], "runtime_token": run["runtime_token"],
        }

    lab.place = place
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps(place()), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.stdin.read()


serve_each(serve) if "each" in sys.argv[1:] else serve()
