"""What is measured against: services, a database and a proxy on loopback."""

import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time


class Service(threading.Thread):
    """A health endpoint on loopback that notes when the first byte of each request came."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        self.first_byte = None

    def run(self):
        body = b'{"status":"healthy","error_rate":1.5,"availability":99.9}'
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
        while True:
            connection, _ = self.socket.accept()
            data = connection.recv(1)
            self.first_byte = time.perf_counter()
            while b"\r\n\r\n" not in data:
                data += connection.recv(4096)
            connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
            connection.close()


class Postgres:
    """A cluster on a free loopback port, as a user who is not root."""

    def __init__(self, folder):
        binaries = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        self.bin = binaries[-1] if binaries else pathlib.Path(shutil.which("initdb")).parent
        self.data = folder / "data"
        self.data.mkdir()
        self.prefix = []
        if os.getuid() == 0:
            shutil.chown(folder, "nobody")
            shutil.chown(self.data, "nobody")
            self.prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.do("initdb", "--no-sync", "-A", "trust", "-U", "bench", "-D", self.data)
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self.do("pg_ctl", "-w", "-D", self.data, "-o", options, "-l", folder / "log", "start")
        self.url = f"postgres://bench@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def do(self, program, *arguments):
        command = [*self.prefix, self.bin / program, *arguments]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def stop(self):
        self.do("pg_ctl", "-m", "immediate", "-D", self.data, "stop")


PROXY = """
global
  stats socket ipv4@127.0.0.1:{api} level admin
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
frontend web
  bind 127.0.0.1:{client}
  default_backend shop
backend shop
  balance roundrobin
  server blue 127.0.0.1:{blue} weight 100
  server green 127.0.0.1:{green} weight 0
"""


class Version(threading.Thread):
    """A version on loopback that fails when it is told to, and notes when it sent each failure."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        self.fails = False
        self.failures = []

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(4096)
            status = b"500 Broken" if self.fails else b"200 OK"
            connection.sendall(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            if self.fails:
                self.failures.append(time.perf_counter())
            connection.close()


class Proxy:
    """A HAProxy before two versions, and its runtime API."""

    def __init__(self, folder, blue, green):
        self.api, self.client = free_port(), free_port()
        text = PROXY.format(api=self.api, client=self.client, blue=blue.port, green=green.port)
        (folder / "haproxy.cfg").write_text(text)
        self.process = subprocess.Popen(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                self.weights()
                return
            except OSError:
                time.sleep(0.01)

    def ask(self, command):
        with socket.create_connection(("127.0.0.1", self.api)) as line:
            line.sendall(command.encode() + b"\n")
            answer = b""
            while part := line.recv(4096):
                answer += part
        return answer.decode()

    def weights(self):
        return tuple(int(self.ask(f"get weight shop/{server}").split()[0]) for server in ("blue", "green"))

    def set(self, blue, green):
        self.ask(f"set server shop/green weight {green}")
        self.ask(f"set server shop/blue weight {blue}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
