"""Where the lab is: its part of the network and its VPC; all as it was at the start; calls of the lab's own."""

import fcntl
import os
import sys
import tempfile

from moto.backends import get_backend
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from werkzeug.test import Client

from . import world
from .account import ec2
from .world import State


# One part of the network for each lab that runs: its number is a lock that ends with the process.
def own_part():
    base = os.path.join(tempfile.gettempdir(), "forge-lab-parts")
    os.makedirs(base, exist_ok=True)
    for number in range(1, 255):
        handle = open(f"{base}/{number}", "w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number, handle
        except OSError:
            handle.close()
    sys.exit("no part of the lab's network is free")


def furnish(region="eu-west-1"):
    """A VPC at the addresses of this lab's containers."""
    backend = ec2(region)
    # moto knows the types of the usual partition only.
    for kind in ("region", "availability-zone"):
        usual = INSTANCE_TYPE_OFFERINGS[kind]["eu-west-1"]
        here = [offer | {"Location": offer["Location"].replace("eu-west-1", region)} for offer in usual]
        INSTANCE_TYPE_OFFERINGS[kind].setdefault(region, here)
    vpc = backend.create_vpc(f"172.30.{world.part}.0/24")
    size = 24 if region != "eu-west-1" else 25
    subnet = backend.create_subnet(vpc.id, f"172.30.{world.part}.0/{size}", availability_zone=f"{region}a")
    return {"vpc": vpc.id, "subnet": subnet.id}


def reset():
    """All as it was at the start."""
    world.boxes.end()
    world.disks.end()
    world.sessions.reset()
    with world.lock:
        for name in ("ec2", "iam", "s3", "ssm", "sts"):
            for regions in get_backend(name).values():
                for backend in regions.values():
                    backend.reset()
        world.state = State()
        world.place = furnish()


def ask_moto(service, region="eu-west-1", **form):
    scope = f"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    made = Client(world.moto).post("/", data=form, headers={"Authorization": scope, "Host": f"{service}.{region}.amazonaws.com"})
    return made.get_data(as_text=True)
