"""Session Manager: the service's WebSocket and the agent of the instance in one, for port forwarding without multiplexing."""

import base64
import hashlib
import json
import os
import socket
import struct
import threading
import time
import uuid

HEADER = 116


def pack(kind, sequence, payload_type, payload, flags=0):
    id = uuid.uuid4().bytes
    return (
        struct.pack(">I", HEADER) + kind.encode().ljust(32, b" ") + struct.pack(">IQqQ", 1, int(time.time() * 1000), sequence, flags)
        + id[8:] + id[:8] + hashlib.sha256(payload).digest() + struct.pack(">II", payload_type, len(payload)) + payload
    )


def unpack(data):
    header, = struct.unpack(">I", data[:4])
    kind = data[4:36].decode().strip("\0 ")
    _, _, sequence, _ = struct.unpack(">IQqQ", data[36:64])
    id = uuid.UUID(bytes=data[72:80] + data[64:72])
    payload_type, length = struct.unpack(">II", data[112:120])
    payload = data[header + 4:]
    assert length == len(payload) and hashlib.sha256(payload).digest() == data[80:112]
    return kind, sequence, id, payload_type, payload


class Sessions:
    def __init__(self, address_of):
        # Host and port of an instance's own sshd, by id.
        self.address_of = address_of
        self.active = {}
        self.late = 0
        self.lose = 0
        self.lost = 0
        self.asks = ["SessionType"]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        self.active, self.late, self.lose, self.lost, self.asks = {}, 0, 0, 0, ["SessionType"]

    def start(self, target, document, parameters, reason):
        if self.late > 0:
            self.late -= 1
            return None
        assert document == "AWS-StartPortForwardingSession", document
        id, token = f"forge-{uuid.uuid4().hex[:12]}", uuid.uuid4().hex
        self.active[id] = {"target": target, "port": int(parameters["portNumber"][0]), "reason": reason, "token": token}
        return {"SessionId": id, "TokenValue": token, "StreamUrl": f"ws://127.0.0.1:{self.port}/v1/data-channel/{id}?role=publish_subscribe"}

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            Channel(self, client).run()
        except (OSError, EOFError, AssertionError, KeyError):
            pass
        finally:
            client.close()


class Channel:
    def __init__(self, service, client):
        self.service, self.client, self.lock = service, client, threading.Lock()
        self.file = client.makefile("rb")
        self.next = self.expected = self.seen = 0
        self.early, self.unacknowledged = {}, {}
        self.port = None

    def _frame(self, opcode, payload):
        length = len(payload)
        head = bytes([0x80 | opcode]) + (bytes([length]) if length < 126 else bytes([126]) + struct.pack(">H", length))
        with self.lock:
            self.client.sendall(head + payload)

    def _read(self):
        def exactly(count):
            data = self.file.read(count)
            if len(data) != count:
                raise EOFError
            return data

        first, second = exactly(2)
        length = second & 127
        if length == 126:
            length, = struct.unpack(">H", exactly(2))
        elif length == 127:
            length, = struct.unpack(">Q", exactly(8))
        assert second & 128, "a client masks"
        mask = exactly(4)
        data = exactly(length)
        whole = int.from_bytes(data, "big") ^ int.from_bytes((mask * (length // 4 + 1))[:length], "big")
        return first & 15, whole.to_bytes(length, "big")

    def send(self, payload_type, payload):
        message = pack("output_stream_data", self.next, payload_type, payload)
        self.unacknowledged[self.next] = message
        self.next += 1
        self._frame(2, message)

    def run(self):
        head = {}
        line = self.file.readline().decode()
        id = line.split(" ")[1].split("/")[-1].split("?")[0]
        while (text := self.file.readline().decode().strip()):
            name, value = text.split(":", 1)
            head[name.lower()] = value.strip()
        accept = base64.b64encode(hashlib.sha1((head["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        self.client.sendall(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        session = self.service.active[id]
        _, hello = self._read()
        assert json.loads(hello)["TokenValue"] == session["token"]
        actions = [{"ActionType": kind, "ActionParameters": {"SessionType": "Port", "Properties": {}}} for kind in self.service.asks]
        self.send(5, json.dumps({"AgentVersion": "3.1.0.0", "RequestedClientActions": actions}).encode())
        self.session = session
        while True:
            opcode, data = self._read()
            if opcode == 8:
                return
            if opcode == 9:
                self._frame(10, data)
            if opcode == 2:
                self.take(*unpack(data))

    def take(self, kind, sequence, id, payload_type, payload):
        if kind == "acknowledge":
            self.unacknowledged.pop(json.loads(payload)["AcknowledgedMessageSequenceNumber"], None)
            return
        self.seen += 1
        if self.service.lose and self.seen % self.service.lose == 0:
            self.service.lost += 1
            return
        said = {"AcknowledgedMessageType": kind, "AcknowledgedMessageId": str(id), "AcknowledgedMessageSequenceNumber": sequence, "IsSequentialMessage": True}
        self._frame(2, pack("acknowledge", 0, 0, json.dumps(said).encode(), 3))
        if sequence >= self.expected:
            self.early[sequence] = (payload_type, payload)
        while self.expected in self.early:
            payload_type, payload = self.early.pop(self.expected)
            self.expected += 1
            self.use(payload_type, payload)

    def use(self, payload_type, payload):
        if payload_type == 6:
            assert all(a["ActionStatus"] == 1 for a in json.loads(payload)["ProcessedClientActions"])
            host = self.service.address_of(self.session["target"])
            try:
                self.port = socket.create_connection((host, self.session["port"]), 5)
            except OSError:
                self.send(10, struct.pack(">I", 3))
                return
            self.send(7, json.dumps({"HandshakeTimeToComplete": 1, "CustomerMessage": ""}).encode())
            threading.Thread(target=self.back, daemon=True).start()
        elif payload_type == 1:
            self.port.sendall(payload)
        elif payload_type == 10 and struct.unpack(">I", payload)[0] == 2:
            self.port.close()

    def back(self):
        try:
            while data := self.port.recv(1024):
                self.send(1, data)
            self._frame(2, pack("channel_closed", 0, 0, json.dumps({"Output": ""}).encode()))
        except OSError:
            pass


assert os.name == "posix"
