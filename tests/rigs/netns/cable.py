"""Two networks and a cable between them: run as root in a network namespace of its own.

    unshare -n python -m tests.rigs.netns.cable service 10

The service's side makes the cable, starts the device's side in another namespace, and pulls the
cable again and again. It prints, for each time, how many seconds after the cable was back it heard
the device again.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path

from pi_voice.netlink import Netlink
from pi_voice.sim.server import EmbeddedService
from pi_voice.transport.link import LinkSettings, ServiceLink
from tests.until import until

TLS = Path(__file__).parents[2] / "tls" / "issued"
SERVICE, DEVICE = "192.0.2.1", "192.0.2.2"  # the certificate is for this address
PORT = 8443
AUDIO = bytes(4800)
PATIENCE_S = 60.0
AWAY_S = (0.5, 3.0, 8.0)  # TCP survives it; TCP sleeps through its end; the link is given up


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True)


async def talk_for_ever() -> None:
    """Be a device that always says something, with the daemon's ear for the kernel."""
    settings = LinkSettings(f"wss://{SERVICE}:{PORT}/v1/realtime", api_key="sk-none")
    link = ServiceLink(settings)

    async def listen() -> None:
        async for _ in link.events():
            pass

    async def look() -> None:
        async with Netlink() as netlink:
            async for _ in netlink.events():
                link.link_up()

    async with link, asyncio.TaskGroup() as tasks:
        tasks.create_task(listen())
        tasks.create_task(look())
        while True:
            link.send_audio(AUDIO)
            await asyncio.sleep(0.1)


async def pull_the_cable(cuts: int) -> None:
    dice = random.Random(5)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "address.pem")
    async with EmbeddedService() as service:
        behind = int(service.url.rpartition(":")[2].partition("/")[0])

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", behind)
            await asyncio.gather(pass_on(reader, far_writer), pass_on(far_reader, writer))

        server = await asyncio.start_server(serve, SERVICE, PORT, ssl=context)
        async with server:
            await hears(service)
            for away_s in islice(cycle(AWAY_S), cuts):
                await asyncio.sleep(dice.uniform(0.5, 2))
                ip("link set v0 down")
                await asyncio.sleep(away_s)
                ip("link set v0 up")
                print(f"{await hears(service):.3f}", flush=True)  # noqa: T201 - its only output


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()
    finally:
        writer.close()


async def hears(service: EmbeddedService) -> float:
    """Wait for the voice of the device; returns how long that took."""
    loop = asyncio.get_running_loop()
    begin_s, before = loop.time(), service.audio_received_bytes
    await until(lambda: service.audio_received_bytes > before, within_s=PATIENCE_S)
    return loop.time() - begin_s


def main(role: str, cuts: int) -> None:
    if role == "device":
        sys.stdin.readline()  # the cable is plugged in
        ip(f"addr add {DEVICE}/24 dev v1")
        ip("link set v1 up")
        asyncio.run(talk_for_ever())
    ip("link set lo up")
    command = ["unshare", "-n", sys.executable, "-m", __spec__.name, "device", "0"]
    trusting = os.environ | {"SSL_CERT_FILE": str(TLS / "authority.pem")}
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, env=trusting) as device:
        assert device.stdin is not None
        ip("link add v0 type veth peer name v1")
        wait_for_namespace(device.pid)
        ip(f"link set v1 netns {device.pid}")
        ip(f"addr add {SERVICE}/24 dev v0")
        ip("link set v0 up")
        device.stdin.write("plugged in\n")
        device.stdin.flush()
        try:
            asyncio.run(pull_the_cable(cuts))
        finally:
            device.kill()


def wait_for_namespace(pid: int) -> None:
    """Until the device's side left ours."""
    ours = os.readlink("/proc/self/ns/net")
    while os.readlink(f"/proc/{pid}/ns/net") == ours:
        time.sleep(0.01)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
