"""States that take their time."""

import re
import time

from . import world
from .account import ACCOUNT, ec2


def slowed(call, text):
    """States that take their time, as in AWS: moto changes them at once."""
    now = time.time()
    steps = {"running": ("pending", 0), "stopped": ("stopping", 64), "terminated": ("shutting-down", 32)}
    begins = {"RunInstances": "running", "StartInstances": "running", "StopInstances": "stopped", "TerminateInstances": "terminated"}
    if call["action"] in begins:
        for id in set(re.findall(r"<instanceId>(.*?)</instanceId>", text)):
            world.state.began[id, begins[call["action"]]] = now
    if call["action"] in ("CreateImage", "CopyImage", "RegisterImage"):
        world.state.began[re.search(r"<imageId>(.*?)</imageId>", text)[1]] = now
    if call["action"] == "DescribeInstances":
        def item(match):
            id = re.search(r"<instanceId>(.*?)</instanceId>", match[0])[1]
            name = re.search(r"<instanceState>\s*<code>\d+</code>\s*<name>(.*?)</name>", match[0])[1]
            if name in steps and now - world.state.began.setdefault((id, name), now) < world.state.slow.get("instance", 0):
                return match[0].replace(f"<name>{name}</name>", f"<name>{steps[name][0]}</name>")
            return match[0]
        return re.sub(r"<instanceId>.*?</instanceState>", item, text, flags=re.S)
    if call["action"] == "DescribeImages":
        def image(match):
            id = re.search(r"<imageId>(.*?)</imageId>", match[0])[1]
            if id in ec2(call["region"]).amis and ec2(call["region"]).amis[id].owner_id == ACCOUNT:
                if now - world.state.began.setdefault(id, now) < world.state.slow.get("image", 0):
                    return match[0].replace("<imageState>available</imageState>", "<imageState>pending</imageState>")
            return match[0]
        return re.sub(r"<imageId>.*?</imageState>", image, text, flags=re.S)
    return text


def unready(call, text):
    """EC2 does not tell an image's snapshots before it is ready."""
    amis = ec2(call["region"]).amis
    for ami in [amis[id] for id in re.findall(r"<imageId>(.*?)</imageId>", text) if id in amis and amis[id].owner_id == ACCOUNT]:
        begun = time.time() - world.state.began.get(ami.id, 0) < world.state.slow.get("image", 0)
        made = re.match(r"Created by CreateImage|Copied for DestinationAmi", ami.ebs_snapshot.description or "")
        if made and (begun or ami.state == "pending"):
            text = text.replace(f"<snapshotId>{ami.ebs_snapshot.id}</snapshotId>", "")
    return text
