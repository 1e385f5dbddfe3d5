"""Checks of the way to the service: Wi-Fi, name, certificate, key."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from pi_voice.config.checks import EMBEDDED, LOOPBACK
from pi_voice.core.failures import Failure
from pi_voice.doctor import configuration
from pi_voice.doctor.facts import Facts
from pi_voice.doctor.findings import Finding, Level, fault, note, ok, warning

POWER_SAVE, SIGNAL = "network.power_save", "network.signal"
DNS, TLS, SERVICE = "network.dns", "network.tls", "network.service"
WEAK_DBM = -75  # below, 802.11n falls to its slowest rates and repeats itself
SLOW_DNS_S = 1.0
TLS_PORT = 443
# OpenSSL's numbers of what is wrong with a certificate (x509_vfy.h)
NOT_YET_VALID, EXPIRED, OTHER_HOST = 9, 10, 62


def wifi(facts: Facts) -> Iterator[Finding]:
    names = (path.split("/")[-2] for path in facts.system.glob("/sys/class/net/*/phy80211"))
    for name in names:
        if facts.system.read(f"/sys/class/net/{name}/operstate").strip() == "up":
            yield from _power_save(facts, name)
            yield from _signal(facts, name)


def _power_save(facts: Facts, name: str) -> Iterator[Finding]:
    told = facts.system.run("iw", "dev", name, "get", "power_save").out
    if "Power save: on" in told:
        fix = f"sudo iw dev {name} set power_save off"
        if connection := _connection(facts, name):
            fix = (
                f"sudo nmcli connection modify {connection} 802-11-wireless.powersave 2 && "
                f"sudo nmcli connection up {connection}"
            )
        what = f"{name} saves power: single packets wait for up to seconds"
        yield warning(POWER_SAVE, what, fix)
    elif "Power save: off" in told:
        yield ok(POWER_SAVE, f"{name} does not save power")
    else:
        fix = "" if facts.system.has("iw") else "sudo apt install iw"
        yield note(POWER_SAVE, f"whether {name} saves power could not be read", fix)


def _connection(facts: Facts, name: str) -> str:
    """The number of an interface's connection; its name may be anything, and tells where it is."""
    told = facts.system.run("nmcli", "-t", "-f", "DEVICE,CON-UUID", "device").out
    pairs = (line.split(":", 1) for line in told.splitlines() if ":" in line)
    return next((connection for device, connection in pairs if device == name), "")


def _signal(facts: Facts, name: str) -> Iterator[Finding]:
    text = facts.system.read("/proc/net/wireless")
    found = re.search(rf"^ *{re.escape(name)}: +\S+ +\S+ +(-\d+)", text, re.MULTILINE)
    if found is None:
        return
    dbm = int(found[1])
    if dbm < WEAK_DBM:
        fix = f"Move the box or the access point, then see: sudo iw dev {name} link"
        yield warning(SIGNAL, f"{name} is weak: {dbm} dBm", fix)
    else:
        yield ok(SIGNAL, f"{name} receives {dbm} dBm")


def _target(facts: Facts) -> tuple[str, int] | None:
    """Host and port of a service somewhere else; None where there is none."""
    parts = urlsplit(facts.settings.service.url)
    if facts.settings.service.url == EMBEDDED or not parts.hostname:
        return None
    if parts.hostname in LOOPBACK:
        return None
    return parts.hostname, parts.port or TLS_PORT


def dns(facts: Facts) -> Iterator[Finding]:
    target = _target(facts)
    if target is None or facts.question.offline:
        return
    if facts.system.proxy():
        yield ok(DNS, "a proxy resolves the names: not checked")
        return
    began_s = time.monotonic()
    try:
        addresses = facts.system.resolve(*target)
    except OSError as error:
        fix = "Check the cable or the Wi-Fi, and whom this box asks: cat /etc/resolv.conf"
        what = f"the name {target[0]} cannot be resolved ({error.strerror or error})"
        yield fault(DNS, what, fix, Failure.NO_NETWORK)
        return
    took_s = time.monotonic() - began_s
    what = f"{target[0]} resolved to {', '.join(addresses[:3])} in {took_s * 1000:.0f} ms"
    if took_s > SLOW_DNS_S:
        fix = "Name another server than: grep nameserver /etc/resolv.conf"
        yield warning(DNS, f"{what}, which is slow", fix)
    else:
        yield ok(DNS, what)


def tls(facts: Facts) -> Iterator[Finding]:
    target = _target(facts)
    if target is None or facts.question.offline or facts.system.proxy():
        return
    where = f"{target[0]}:{target[1]}"
    try:
        version = facts.system.handshake(*target)
    except ssl.SSLCertVerificationError as error:
        yield _certificate(facts, target[0], error)
    except ssl.SSLError as error:
        what = f"what answers at {where} speaks no TLS ({error.strerror or error})"
        yield fault(TLS, what, failure=Failure.CERTIFICATE)
    except OSError as error:
        if not _resolvable(facts, target):
            return  # told already, with its own fix
        what = f"{where} cannot be reached ({error.strerror or error})"
        fix = f"Is a firewall in the way? Try: curl -v https://{where}/"
        yield fault(TLS, what, fix, Failure.NO_NETWORK)
    else:
        yield ok(TLS, f"{where} proves who it is ({version})")


def _resolvable(facts: Facts, target: tuple[str, int]) -> bool:
    try:
        return bool(facts.system.resolve(*target))
    except OSError:
        return False


def _certificate(facts: Facts, host: str, error: ssl.SSLCertVerificationError) -> Finding:
    what = f"the certificate of {host} is refused: {error.verify_message}"
    if error.verify_code == NOT_YET_VALID:
        return fault(TLS, f"{what} (is the clock wrong?)", failure=Failure.CLOCK_WRONG)
    if portal := _portal(facts, host):
        fix = f"Log in to this network with a browser: {portal}"
        return fault(TLS, f"{what}; this network wants a login first", fix, Failure.CERTIFICATE)
    if error.verify_code == EXPIRED:
        fix = "Compare with the time: timedatectl; if that is right, the service has to act"
        return fault(TLS, what, fix, Failure.CERTIFICATE)
    if error.verify_code == OTHER_HOST:
        fix = "Check [service] url; or a login page or an inspecting proxy stands in between"
        return fault(TLS, what, fix, Failure.CERTIFICATE)
    return fault(TLS, what, failure=Failure.CERTIFICATE)


def _portal(facts: Facts, host: str) -> str:
    """The login page that stands in the way; "" if there is none."""
    location = urlsplit(facts.system.redirect(host))
    if location.hostname and location.hostname != host:
        return f"{location.scheme}://{location.netloc}/"
    told = facts.system.run("nmcli", "networking", "connectivity").out.strip()
    return "http://neverssl.com/" if told == "portal" else ""


def service(facts: Facts) -> Iterator[Finding]:
    """One session with the key and the settings of the configuration."""
    question, url = facts.question, facts.settings.service.url
    if question.problems:  # nothing is known of the service
        return
    if url == EMBEDDED:
        yield note(
            SERVICE,
            "the service is the parrot inside, which only says back what it hears",
            "Set [service] url and the key for a real one; README: Run it",
        )
        return
    if question.offline:
        yield note(SERVICE, "not asked, because of --offline", "pi-voice doctor")
        return
    key = list(configuration.key(facts))
    if any(found.failure for found in key):
        return  # told already
    if any(found.level is Level.NOTE for found in key):
        yield note(SERVICE, "not asked: this user may not read the key", "sudo pi-voice doctor")
        return
    refusal = question.try_service()
    if refusal is None:
        yield ok(SERVICE, f"{urlsplit(url).hostname} accepts the key and the settings")
    else:
        fix = refusal.fix
        if not fix and refusal.failure is Failure.MISCONFIGURED:
            fix = configuration.mend(facts)
        yield fault(SERVICE, refusal.reason, fix, refusal.failure)
