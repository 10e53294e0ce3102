"""What there is of one AWS: what moto keeps is in moto, the rest is here. `serve` of ../aws.py fills it in."""

import threading

from .mfa import Mfa


class State:
    """What a test set and what it can ask for."""

    def __init__(self):
        self.calls = []
        self.rules = []
        self.held = []
        self.open = False
        self.tokens = {}
        # What moto does not keep, by image: what was asked for.
        self.extra = {}
        self.sessions = {}
        self.lifetime = None
        # The instance that the tests run on, with no container behind it.
        self.host = None
        # Imports by task.
        self.imports = {}
        # Images that cannot be deregistered, and whether that lasts for a while.
        self.protected = {}
        # Seconds that instances and images take from one state to the next, and when each began.
        self.slow = {}
        self.began = {}
        self.minted = 0
        # What the job is about that asks for an identity token, and the trust policy that its role has.
        self.event = {}
        self.trust = None
        self.mfa = Mfa()


lock = threading.RLock()
released = threading.Condition(lock)
state = State()
# Of the lab's network.
part = None
# VPC and subnet.
place = {}
boxes = disks = sessions = None
# The application that answers as AWS.
moto = None
