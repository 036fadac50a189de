#!/usr/bin/env python3
"""How long a changed keys file takes: 10,000 keys to be in use, 500 of 1,000 open streams to end when their key is revoked. And
what streams notice of it that go on: the longest time between two events of twenty that have one every 10 ms.

    python3 gateway/bench/keys.py target/release/gateway

Times are from the rename that puts the file in its place. Everything is on loopback and in a temporary directory."""
import asyncio, hashlib, json, os, resource, ssl, subprocess, sys, tempfile, time

EACH, MANY, ROUNDS, FLOWING = 500, 10_000, 5, 20
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b"9\r\ndata: 1\n\n\r\n"


def key(name, secret, more=""):
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return f'[[client.key]]\nid = "{name}"\ndigest = "sha256:{digest}"\n{more}'


def client(name, *keys):
    return f'[[client]]\nid = "{name}"\ntools = "all"\n{"".join(keys)}\n'


async def origin(reader, writer):
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            writer.write(HEAD + EVENT)
            while b"x-client-id: flowing\r\n" in head:
                await asyncio.sleep(0.01)
                writer.write(EVENT)
                await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


class Gateway:
    def __init__(self, binary, directory):
        self.binary, self.directory, self.lines = binary, directory, asyncio.Queue()

    def put(self, keys):
        draft = f"{self.directory}/draft"
        with open(draft, "w", opener=lambda path, flags: os.open(path, flags, 0o640)) as file:
            file.write(keys)
        os.rename(draft, f"{self.directory}/keys.toml")
        return time.time()

    async def start(self, upstream):
        subprocess.run([self.binary, "certs", "new", "--out", self.directory], check=True, capture_output=True)
        with open(f"{self.directory}/gateway.toml", "w") as file:
            file.write(
                '[listen]\npublic = "127.0.0.1:0"\nadmin = "127.0.0.1:0"\n'
                f'[upstream]\nurl = "http://127.0.0.1:{upstream}"\n[audit]\noutput = "off"\n[log]\nformat = "json"\n'
            )
        self.process = await asyncio.create_subprocess_exec(
            self.binary, "serve", "--config", f"{self.directory}/gateway.toml", stderr=asyncio.subprocess.PIPE
        )
        asyncio.create_task(self.read())
        _, line = await self.said("listening")
        self.port = int(line["public"].rsplit(":")[-1])
        await self.said("ready")
        self.tls = ssl.create_default_context(cafile=f"{self.directory}/ca.pem")

    async def read(self):
        while line := await self.process.stderr.readline():
            self.lines.put_nowait((time.time(), json.loads(line)))

    async def said(self, message):
        while True:
            when, line = await asyncio.wait_for(self.lines.get(), 30)
            if line.get("message") == message:
                return when, line

    async def stream(self, secret):
        reader, writer = await asyncio.open_connection("localhost", self.port, ssl=self.tls)
        writer.write(f"GET /mcp HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {secret}\r\n\r\n".encode())
        await reader.readuntil(EVENT)
        return reader, writer


async def ended(reader):
    await reader.readuntil(b"0\r\n\r\n")
    return time.time()


class Flow:
    """The longest time between two events of all flowing streams, since it was asked for last."""

    def __init__(self):
        self.longest = 0

    async def follow(self, reader):
        before = time.monotonic()
        while await reader.readuntil(EVENT):
            now = time.monotonic()
            self.longest, before = max(self.longest, now - before), now

    def take(self):
        longest, self.longest = self.longest, 0
        return f"{1e3 * longest:.0f} ms"


async def main(binary, directory):
    server = await asyncio.start_server(origin, "127.0.0.1", 0, backlog=4096)
    gateway = Gateway(binary, directory)
    kept, lost = client("kept", key("a" * 12, "secret-of-a")), key("b" * 12, "secret-of-b")
    kept += client("flowing", key("c" * 12, "secret-of-c"))
    gateway.put(kept + client("lost", lost))
    await gateway.start(server.sockets[0].getsockname()[1])
    for number in range(ROUNDS):
        many = client("many", *(key(f"key{n:07}", f"{number} {n}") for n in range(MANY)))
        put = gateway.put(kept + client("lost", lost) + many)
        when, _ = await gateway.said("reloaded")
        print(f"{MANY} new keys in use after {1e3 * (when - put):.0f} ms")
    stay = [await gateway.stream("secret-of-a") for _ in range(EACH)]
    flow, flowing = Flow(), [await gateway.stream("secret-of-c") for _ in range(FLOWING)]
    follow = [asyncio.create_task(flow.follow(reader)) for reader, _ in flowing]
    for _ in range(ROUNDS):
        gateway.put(kept + client("lost", lost))
        await gateway.said("reloaded")
        streams = [await gateway.stream("secret-of-b") for _ in range(EACH)]
        tasks = [asyncio.create_task(ended(reader)) for reader, _ in streams]
        flow.take()
        await asyncio.sleep(1)
        quiet = flow.take()
        put = gateway.put(kept + client("lost", key("b" * 12, "secret-of-b", "disabled = true\n")))
        times = sorted(when - put for when in await asyncio.gather(*tasks))
        await gateway.said("reloaded")
        print(f"{EACH} of {2 * EACH} streams ended between {1e3 * times[0]:.0f} and {1e3 * times[-1]:.0f} ms; "
              f"longest gap of the others {flow.take()}, in the second before {quiet}")
        [writer.close() for _, writer in streams]
    print(f"{sum(not reader.at_eof() for reader, _ in stay)} of {EACH} others are still open")
    [task.cancel() for task in follow]
    gateway.process.kill()
    await gateway.process.wait()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(main(os.path.abspath(sys.argv[1]), scratch))
