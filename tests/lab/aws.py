"""AWS for the tests: moto in this process, behind a gate that counts calls, makes them fail and adds what moto lacks.

Every instance that runs is a container with a real sshd, at the address that moto gave it, with the public key of the
instance's own key pair. CreateImage commits the container as forge-lab/ami:ID, so that a test can look inside.

Usage: aws.py IMAGE [each]          IMAGE: a container image whose entry point is sshd
Prints one line of JSON when it is ready, and ends (with its containers) when its standard input does. With `each` the line
names a socket, and each connection to it is an AWS of its own: moto is more than a second of work to read.
The tests' own door is /_lab/... The parts are in the folder aws.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import threading

# Nothing that a test run leaves in the checkout.
sys.dont_write_bytecode = True

# The folder of that name, which comes before this file. The images come before moto.
import aws.amis  # noqa: E402, F401, I001
from moto.moto_api._internal import mock_random  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from werkzeug.serving import generate_adhoc_ssl_context, make_server  # noqa: E402

from aws import world  # noqa: E402
from aws.account import ec2  # noqa: E402
from aws.boxes import Boxes  # noqa: E402
from aws.disks import Disks  # noqa: E402
from aws.gate import Handler, gate  # noqa: E402
from aws.haste import hasten  # noqa: E402
from aws.identity import REQUEST_TOKEN  # noqa: E402
from aws.sessions import Sessions  # noqa: E402
from aws.setting import ask_moto, furnish, own_part  # noqa: E402
from nursery import serve_each  # noqa: E402

hasten()
world.moto = DomainDispatcherApplication(create_backend_app)
unknown_certificate = generate_adhoc_ssl_context()


def serve(image):
    """One AWS, until standard input ends."""
    # A fork has moto's state of random numbers, which ids are made of.
    mock_random.seed()
    folder = tempfile.mkdtemp(prefix="forge-lab-")
    world.part, part_lock = own_part()
    world.boxes = Boxes(world.part, image)
    world.disks = Disks(folder, os.environ.get("FORGE_TEST_BUSYBOX", ""))
    # Addresses of containers are those of the instances.
    world.sessions = Sessions(lambda id: ec2("eu-west-1").get_instance(id).private_ip)
    server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Handler)
    # The same with a certificate that nobody signed.
    unsigned = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Handler, ssl_context=unknown_certificate)
    for one in (server, unsigned):
        threading.Thread(target=one.serve_forever, daemon=True).start()
    world.place = furnish()
    addresses = {"endpoint": f"http://127.0.0.1:{server.port}", "unsigned": f"https://127.0.0.1:{unsigned.port}"}
    print(json.dumps(addresses | {"part": world.part, "token": REQUEST_TOKEN} | world.place), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        sys.stdin.read()
    finally:
        world.boxes.end()
        world.disks.end()
        world.boxes.forget()
        shutil.rmtree(folder, ignore_errors=True)


if "each" in sys.argv[2:]:
    # What the first request of each kind makes moto read.
    for service, action in (("ec2", "DescribeVpcs"), ("sts", "GetCallerIdentity"), ("iam", "ListRoles")):
        ask_moto(service, Action=action)
    serve_each(lambda: serve(sys.argv[1]))
else:
    serve(sys.argv[1])
