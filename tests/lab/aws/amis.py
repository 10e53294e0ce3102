"""The images that others have made, and the other settings of moto, which reads all of them while it is imported."""

import json
import os
import tempfile

IMAGES = [
    ("ami-0aaaaaaaaaaaa0001", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260101", "2026-01-01"),
    ("ami-0aaaaaaaaaaaa0002", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20260801", "2026-08-01"),
    # The one whose instances have no disk of their own.
    ("ami-0aaaaaaaaaaaa0003", "ubuntu/stores/hvm-instance-jammy-20260801", "2026-08-01"),
]
with tempfile.NamedTemporaryFile("w", prefix="forge-lab-", suffix=".json", delete=False) as file:
    json.dump(
        [
            {
                "ami_id": id, "name": name, "description": "Canonical, Ubuntu, 22.04 LTS", "owner_id": "099720109477",
                "public": True, "virtualization_type": "hvm", "architecture": "x86_64", "state": "available",
                "platform": None, "image_type": "machine", "hypervisor": "xen", "root_device_name": "/dev/sda1",
                "root_device_type": "instance-store" if "hvm-instance" in name else "ebs", "sriov": "simple", "image_location": name,
                "creation_date": f"{date}T01:02:03.000Z",
            }
            for id, name, date in IMAGES
        ],
        file,
    )
os.environ["MOTO_AMIS_PATH"] = file.name
for check in ("AMI", "KEYPAIR"):
    os.environ[f"MOTO_ENABLE_{check}_VALIDATION"] = "true"
os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"

from moto.ec2.models import amis  # noqa: E402, F401

os.unlink(file.name)
