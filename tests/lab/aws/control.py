"""The tests' own door."""

import datetime
import json
import re

from moto.backends import get_backend
from werkzeug.wrappers import Response

from . import world
from .account import ACCOUNT, REGIONS, ec2, images, left, snapshots
from .mfa import code
from .setting import ask_moto, furnish, reset

DOORS = {}


def door(function):
    """Opens /_lab/NAME, with dashes for the underscores of the function's name; what it returns is the answer."""
    DOORS[function.__name__.strip("_").replace("_", "-")] = function
    return function


def control(request):
    opened = DOORS.get(request.path.removeprefix("/_lab/"))
    if opened is None:
        return Response("no such door", 404)
    return Response(json.dumps(opened(json.loads(request.get_data() or b"null")), default=str))


@door
def rules(data):
    with world.lock:
        world.state.rules = data
    return {}


@door
def add_rule(data):
    with world.lock:
        world.state.rules.append(data)
    return {}


@door
def calls(_):
    return world.state.calls


@door
def forget_calls(_):
    world.state.calls = []
    return {}


@door
def held(_):
    return world.state.held


@door
def release(_):
    with world.released:
        world.state.open = True
        world.released.notify_all()
    return {}


@door
def left_(_):
    return left()


@door
def images_(_):
    return images()


@door
def expire(data):
    """Keys that have ended."""
    world.state.sessions[data] = 0
    return {}


@door
def lifetime(data):
    world.state.lifetime = data
    return {}


@door
def slow(data):
    world.state.slow = data
    return {}


@door
def ready(data):
    world.boxes.prepare(data)
    return {}


@door
def box(data):
    return world.boxes.name(data)


@door
def key_pair(data):
    ask_moto("ec2", Action="CreateKeyPair", Version="2016-11-15", KeyName=data)
    return {}


@door
def snapshot(data):
    """A snapshot of somebody's own."""
    backend = ec2("eu-west-1")
    volume = backend.create_volume(1, "eu-west-1a").id
    made = backend.create_snapshot(volume, data).id
    backend.delete_volume(volume)
    return made


@door
def template(data):
    """A launch template of somebody's own."""
    form = {"LaunchTemplateName": data, "LaunchTemplateData.InstanceType": "t3.micro"}
    made = ask_moto("ec2", Action="CreateLaunchTemplate", Version="2016-11-15", **form)
    return re.search(r"<launchTemplateId>(.*?)</launchTemplateId>", made)[1]


@door
def host(_):
    """An instance that nobody started: the tests' own machine."""
    made = ask_moto(
        "ec2", Action="RunInstances", Version="2016-11-15", ImageId="ami-0aaaaaaaaaaaa0002", MinCount="1", MaxCount="1",
        InstanceType="t3.micro", SubnetId=world.place["subnet"],
    )
    world.state.host = re.search(r"<instanceId>(.*?)</instanceId>", made)[1]
    return world.state.host


@door
def look(data):
    snapshot = next((s for region in REGIONS for a in ec2(region).amis.values() if a.id == data["image"] for s in snapshots(a)), "")
    return world.disks.look(snapshot, data["path"])


@door
def sessions(data):
    for name, value in data.items():
        setattr(world.sessions, name, value)
    return {"lost": world.sessions.lost, "active": len(world.sessions.active)}


@door
def furnish_(data):
    return furnish(data)


@door
def image(data):
    """An image that somebody else made."""
    ami = ec2(data["region"]).register_image(name=data["name"])
    ami.creation_date = datetime.datetime.fromisoformat(data["created"])
    return ami.id


@door
def image_state(data):
    """What became of an image; `gone` of one that somebody has removed."""
    amis = ec2(data["region"]).amis
    if data["state"] == "gone":
        amis.pop(data["id"])
    else:
        amis[data["id"]].state = data["state"]
    return {}


@door
def parameters(_):
    """By region and name: value and type of data."""
    found = {}
    for region, backend in get_backend("ssm")[ACCOUNT].items():
        for name in [name for name in backend._parameters.keys() if name.startswith("/forge/")]:
            parameter = backend.get_parameter(name)
            found.setdefault(region, {})[name] = [parameter.value, parameter.data_type]
    return found


@door
def tag_in(data):
    ec2(data["region"]).create_tags([data["id"]], data["tags"])
    return {}


@door
def profile(data):
    get_backend("iam")[ACCOUNT]["aws"].create_instance_profile(name=data, path="/", role_names=[])
    return {}


@door
def reclaim(data):
    """What AWS does to a spot instance when it wants the capacity back."""
    for reservation in list(ec2("eu-west-1").reservations.values()):
        for instance in [i for i in reservation.instances if i.is_running()]:
            ec2("eu-west-1").terminate_instances([instance.id])
            instance.state_reason.code, instance.state_reason.message = data["code"], data["message"]
            world.boxes.remove(instance.id)
    return {}


@door
def protect(data):
    world.state.protected[data["image"]] = data["with_cooldown"]
    return {}


@door
def unprotect(data):
    world.state.protected.pop(data, None)
    return {}


@door
def group(data):
    """A security group of the lab's VPC that somebody else made."""
    return ec2("eu-west-1").create_security_group(data, "theirs", vpc_id=world.place["vpc"]).id


@door
def key_pair(data):
    ec2("eu-west-1").create_key_pair(data, "rsa", {})
    return {}


@door
def subnet(data):
    """Another one of the lab's VPC, with few addresses."""
    return ec2("eu-west-1").create_subnet(world.place["vpc"], data, availability_zone="eu-west-1b").id


@door
def tag(data):
    get_backend("ec2")[ACCOUNT]["eu-west-1"].create_tags([data["id"]], data["tags"])
    return {}


@door
def bucket(data):
    buckets = get_backend("s3")[ACCOUNT]["aws"]
    if data not in buckets.buckets:
        buckets.create_bucket(data, "eu-west-1")
    return {}


@door
def put(data):
    get_backend("s3")[ACCOUNT]["aws"].put_object(data["bucket"], data["key"], b"by the lab")
    return {}


@door
def imports(_):
    return [task["form"] | {"size": task["size"]} for task in world.state.imports.values()]


@door
def tokens(data):
    return [call["token"] for call in world.state.calls if call["action"] == data]


@door
def event(data):
    world.state.event = data
    return {}


@door
def trust(data):
    world.state.trust = data
    return {}


@door
def mfa(data):
    for name, value in data.items():
        setattr(world.state.mfa, name, value)
    return {}


@door
def mfa_code(data):
    return code(data or 0)


@door
def minted(_):
    return world.state.minted


@door
def reset_(_):
    reset()
    return world.place
