"""What a call is about, as a policy sees it."""

import re

from . import world
from .account import ec2, tags, what_is_there
from .answers import tags_of

KINDS = {
    "i": "instance", "ami": "image", "snap": "snapshot", "vol": "volume", "sg": "security-group", "lt": "launch-template",
    "key": "key-pair", "import-ami": "import-image-task",
}
# What a call makes, which policies see with the tags of the request.
MAKES = {
    "RunInstances": ["instance", "volume"], "CreateVolume": ["volume"], "CreateSnapshot": ["snapshot"],
    "CreateImage": ["image", "snapshot"], "CopyImage": ["snapshot"], "RegisterImage": ["image"],
    "CreateKeyPair": ["key-pair"], "CreateSecurityGroup": ["security-group"], "CreateLaunchTemplate": ["launch-template"],
    "CreateFleet": ["fleet"], "ImportImage": ["import-image-task"],
}


def resources(call):
    """What a call is about, as a policy sees it: the things that it names with the tags that they have, which are none for
    what is not there, and those that it makes with the tags that it asks for."""
    form = call["form"]
    if call["service"] == "iam":
        names = [("role", form.get("RoleName")), ("instance-profile", form.get("InstanceProfileName"))]
        return [{"kind": kind, "id": name, "tags": {}, "made": False} for kind, name in names if name]
    if call["service"] != "ec2":
        return []
    backend = ec2(call["region"])
    ids = {value for value in form.values() if re.fullmatch(rf"({'|'.join(KINDS)})-[0-9a-f]+", value)}
    ids |= {key.id for key in list(backend.key_pairs.values()) if key.key_name == form.get("KeyName")}
    ids |= {kept.id for kept in list(backend.launch_templates.values()) if kept.name == form.get("LaunchTemplateName")}
    there, named = what_is_there(backend), []
    for id in sorted(ids):
        kind = KINDS[id.rsplit("-", 1)[0]]
        tags = world.state.imports[id]["tags"] if id in world.state.imports else backend.tags.get(id, {})
        named.append({"kind": kind, "id": id, "made": False, "tags": dict(tags) if id in there.get(kind, [id]) else {}})
    made = list(MAKES.get(call["action"], []))
    source = backend.amis.get(form.get("ImageId"))
    if call["action"] == "RunInstances" and source and source.root_device_type == "instance-store":
        made.remove("volume")
    return named + [{"kind": kind, "id": "", "made": True, "tags": tags_of(form, kind)} for kind in made]
