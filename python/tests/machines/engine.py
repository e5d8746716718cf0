"""etcd on free ports of the loopback device, as `cargo xtask servers` gets it."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[3] / "target" / "engines" / "etcd"

# Longer than on a machine that does nothing else.
PATIENCE = 60.0


class Server:
    """One server. It ends by `end`, or with this process."""

    def __init__(self, folder):
        self.log = os.path.join(folder, "log")
        self._folder = folder
        # A port that was free when it was asked for can be another's when it is used.
        for _ in range(5):
            self._start()
            if self._answers():
                return
            self.end()
        raise AssertionError("etcd does not answer: " + Path(self.log).read_text()[-2000:])

    def _start(self):
        self.port, peer, health = free_ports(3)
        url = "http://127.0.0.1:{}".format
        self._health = url(health) + "/health"
        command = [ENGINE / "etcd", "--data-dir", tempfile.mkdtemp(dir=self._folder)]
        command += ["--listen-client-urls", url(self.port), "--advertise-client-urls", url(self.port)]
        command += ["--listen-peer-urls", url(peer), "--initial-advertise-peer-urls", url(peer)]
        command += ["--initial-cluster", "default=" + url(peer), "--listen-metrics-urls", url(health)]
        # Nothing here has to survive a power cut.
        command += ["--unsafe-no-fsync"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent
            )

    def _answers(self):
        deadline = time.monotonic() + PATIENCE
        # Not by a proxy of the environment.
        ask = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with ask.open(self._health, timeout=5) as answer:
                    if b'"true"' in answer.read():
                        return True
            except OSError:
                pass
            time.sleep(0.02)
        return False

    @property
    def endpoint(self):
        return "127.0.0.1:{}".format(self.port)

    def address(self, path):
        return "etcd://{}/{}".format(self.endpoint, path)

    def ctl(self, *words):
        """What `etcdctl` says."""
        quiet = {name: value for name, value in os.environ.items() if not name.startswith("ETCDCTL_")}
        command = [ENGINE / "etcdctl", "--endpoints", self.endpoint, *words]
        done = subprocess.run(command, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def revoke_all(self):
        """Ends all leases, as an outage would."""
        for line in self.ctl("lease", "list").splitlines()[1:]:
            self.ctl("lease", "revoke", line.strip())

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        self.process.kill()
        self.process.wait(PATIENCE)


def free_ports(count):
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


def end_with_parent():
    """Between fork and exec: SIGKILL when the process ends that started it (prctl(2), PR_SET_PDEATHSIG)."""
    LIBC.prctl(1, signal.SIGKILL)


LIBC = ctypes.CDLL(None)
