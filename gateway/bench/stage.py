"""What `compare` and `instructions` share: programs, keys, certificate, processes on their cores."""
import json
import os
import random
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent.parent
PATHS = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin"


def say(text):
    print(text, file=sys.stderr, flush=True)


def output(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=ROOT)
    return (done.stdout + done.stderr).strip()


def target_directory():
    metadata = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    printed = subprocess.run(metadata, cwd=ROOT, check=True, capture_output=True).stdout
    return Path(json.loads(printed)["target_directory"])


def compiler():
    """Its release and what it builds for."""
    said = dict(re.findall(r"^(release|host): (.*)$", output("rustc", "-vV"), re.M))
    return said["release"], said["host"]


def build(package, profile="release", wrapper=(), environment=None, target=None):
    """The program of this package, as its source is now."""
    say(f"building {package} ({profile})")
    target = target or target_directory()
    command = [*wrapper, "cargo", "build", "--quiet", "--locked", "--profile", profile, "-p", package, "--target-dir", target]
    subprocess.run(list(map(str, command)), cwd=ROOT, check=True, env=os.environ | (environment or {}))
    return target / profile / package


def build_gateway():
    """The gateway as it is shipped."""
    return build("gateway", "dist", wrapper=[ROOT / "deploy/with-profile"])


def descendants(pid):
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        for children in Path(f"/proc/{found[-1]}/task").glob("*/children"):
            try:
                waiting += map(int, children.read_text().split())
            except OSError:
                pass
    return found


def free_port():
    """Below those that the kernel gives away by itself, so that it is still free when it is used again."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Stage:
    """A directory with certificate and keys, a backend, and whatever else is started; all gone at the end."""

    def __init__(self, gateway, generator, delay=0):
        self.gateway, self.generator = gateway, generator
        self.cores = sorted(os.sched_getaffinity(0))
        self.proxy_core, self.load_core = self.cores[0], self.cores[-1]
        self.processes = []
        self.directory = Path(tempfile.mkdtemp(prefix="gateway-bench-"))
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.certs = self.directory / "certs"
        command = [gateway, "certs", "new", "--out", self.certs, "--name", "localhost"]
        made = subprocess.run(command, capture_output=True)
        if made.returncode:
            raise RuntimeError(made.stderr.decode())
        shutil.copy(self.certs / "server.pem", self.certs / "cert.pem")
        shutil.copy(self.certs / "server.key", self.certs / "key.pem")
        both = (self.certs / "cert.pem").read_text() + (self.certs / "key.pem").read_text()
        (self.certs / "both.pem").write_text(both)
        self.keys = [secrets.token_hex(16) for _ in range(100)]
        (self.certs / "keys.txt").write_text("".join(f"{key}\n" for key in self.keys))
        backend = self.start(self.load_core, [generator, "backend", "--delay", delay], stdout=subprocess.PIPE)
        self.backend = backend.stdout.readline().decode().split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.stop(process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, core, command, **how):
        process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {core}), **how
        )
        self.processes.append(process)
        return process

    def start_gateway(self, run, port, full=False, binary=None):
        """The gateway as gateway/bench/peer/gateway.sh sets it up."""
        script = [BENCH / "peer/gateway.sh", port, f"http://{self.backend}", self.certs, run, binary or self.gateway]
        return self.start(self.proxy_core, [*script, *(["FULL"] if full else [])])

    def stop(self, process, how=signal.SIGTERM):
        """Ends it, and waits until it is gone."""
        if process.poll() is None:
            for pid in reversed(descendants(process.pid)):
                try:
                    os.kill(pid, how)
                except OSError:
                    pass
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def load(self, mode, port, pids=(), *arguments):
        """Runs the load generator; gives its report, or raises what it complained of."""
        return self.ended(self.begin(mode, port, *arguments, *(["--pids", ",".join(map(str, pids))] if pids else [])))

    def begin(self, mode, port, *arguments, keys="keys.txt", wrapper=()):
        """Starts the load generator, with keys from this file."""
        command = [*wrapper, self.generator, mode, "--connect", f"127.0.0.1:{port}", "--ca", self.certs / "ca.pem"]
        command += ["--keys", self.certs / keys, *arguments]
        return self.start(self.load_core, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ended(self, process):
        """Its report, once it has ended, or what it complained of."""
        printed, complaint = process.communicate(timeout=300)
        self.processes.remove(process)
        if process.returncode:
            raise RuntimeError(complaint.strip().removeprefix("error: "))
        report = json.loads(printed)
        if report.get("failed"):
            raise RuntimeError(f"{report['failed']} of {report['done'] + report['failed']} failed: {report['failure']}")
        return report


def wait_for(port, process, most=30):
    """Until something listens there; whether it does."""
    end = time.monotonic() + most
    while time.monotonic() < end and process.poll() is None:
        if listens(port):
            return True
        time.sleep(0.05)
    return False
