"""Servers of their own for many tests out of one process: what all of them need is read once, and each is a fork."""

import json
import os
import select
import signal
import socket
import sys
import tempfile


def serve_each(serve):
    """Prints a line of JSON that names a socket. `serve` runs in a fork for each connection to it, which it has for its
    standard input and output: it is to end when its input does. Ends when its own standard input does."""
    with tempfile.TemporaryDirectory(prefix="forge-lab-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen(64)
        # Nobody waits for the forks.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        print(json.dumps({"socket": f"{folder}/socket"}), flush=True)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                for descriptor in (0, 1):
                    os.dup2(connection.fileno(), descriptor)
                connection.close()
                try:
                    serve()
                finally:
                    os._exit(0)
            connection.close()
