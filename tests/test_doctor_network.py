from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from pi_voice.config import parse
from pi_voice.core.failures import Failure
from pi_voice.doctor import configuration, network
from pi_voice.doctor.facts import Refusal
from pi_voice.doctor.findings import Finding
from pi_voice.hints import HINTS
from tests.fake_system import Patient, levels, words

REAL = parse('[service]\nurl = "wss://voice.example.org/v1/realtime"\n')
HOME = "0b9f2a4e-6f1c-4f0e-9a51-3c8f6f0c9a11"
ON, OFF = "Power save: on\n", "Power save: off\n"


@pytest.fixture
def pi(tmp_path: Path) -> Patient:
    patient = Patient(tmp_path)
    patient.settings = REAL
    return patient


def wifi(pi: Patient, power_save: str, dbm: int = -50) -> None:
    pi.system.write("/sys/class/net/wlan0/phy80211/name")
    pi.system.write("/sys/class/net/wlan0/operstate", "up\n")
    pi.system.answer("iw dev wlan0 get power_save", power_save)
    pi.system.write(
        "/proc/net/wireless",
        "Inter-| sta-|   Quality        |   Discarded packets\n"
        " face | tus | link level noise |  nwid  crypt   frag\n"
        f" wlan0: 0000   60.  {dbm}.  -256        0      0      0\n",
    )


def test_wifi_that_saves_power_is_switched_off_for_good_where_there_is_networkmanager(
    pi: Patient,
) -> None:
    wifi(pi, ON)
    (found, _) = network.wifi(pi.facts)
    assert (found.level, found.fix) == ("warning", "sudo iw dev wlan0 set power_save off")
    pi.system.answer("nmcli -t -f DEVICE,CON-UUID device", f"lo:1c2d\nwlan0:{HOME}\n")
    (found, _) = network.wifi(pi.facts)
    assert found.fix == (
        f"sudo nmcli connection modify {HOME} 802-11-wireless.powersave 2 && "
        f"sudo nmcli connection up {HOME}"
    )


def test_good_wifi_is_fine(pi: Patient) -> None:
    wifi(pi, OFF)
    assert words(network.wifi(pi.facts)) == [
        ("ok", "wlan0 does not save power"),
        ("ok", "wlan0 receives -50 dBm"),
    ]


def test_weak_wifi_is_told(pi: Patient) -> None:
    wifi(pi, OFF, -83)
    assert ("warning", "wlan0 is weak: -83 dBm") in words(network.wifi(pi.facts))


def test_wifi_that_nobody_can_ask_is_a_note(pi: Patient) -> None:
    wifi(pi, "")
    pi.system.commands.clear()
    (found, _) = network.wifi(pi.facts)
    assert (found.level, found.fix) == ("note", "sudo apt install iw")


def test_wifi_that_is_not_used_is_left_alone(pi: Patient) -> None:
    wifi(pi, ON)
    pi.system.write("/sys/class/net/wlan0/operstate", "down\n")
    assert words(network.wifi(pi.facts)) == []


def test_a_name_that_cannot_be_resolved_is_no_network(pi: Patient) -> None:
    pi.system.addresses = socket.gaierror(-3, "Temporary failure in name resolution")
    (found,) = network.dns(pi.facts)
    assert found.what == (
        "the name voice.example.org cannot be resolved (Temporary failure in name resolution)"
    )
    assert found.failure is Failure.NO_NETWORK


def test_a_name_is_shown_with_its_addresses(pi: Patient) -> None:
    (found,) = network.dns(pi.facts)
    assert found.what.startswith("voice.example.org resolved to 192.0.2.1 in ")


def test_a_slow_name_service_is_a_warning(pi: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "SLOW_DNS_S", -1.0)
    assert levels(network.dns(pi.facts)) == ["warning"]


def refused(pi: Patient, code: int, message: str) -> Finding:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    pi.system.certificate = error
    (found,) = network.tls(pi.facts)
    return found


@pytest.mark.parametrize(
    ("code", "message", "failure"),
    [
        (9, "certificate is not yet valid", Failure.CLOCK_WRONG),
        (10, "certificate has expired", Failure.CERTIFICATE),
        (62, "Hostname mismatch", Failure.CERTIFICATE),
        (20, "unable to get local issuer certificate", Failure.CERTIFICATE),
    ],
)
def test_a_certificate_is_refused_for_its_reason(
    pi: Patient, code: int, message: str, failure: Failure
) -> None:
    found = refused(pi, code, message)
    assert found.failure is failure
    assert message in found.what
    assert found.fix


def test_a_login_page_is_named(pi: Patient) -> None:
    pi.system.location = "http://login.hotel.example/welcome?mac=1"
    found = refused(pi, 62, "Hostname mismatch")
    assert found.fix == "Log in to this network with a browser: http://login.hotel.example/"
    pi.system.location = "https://voice.example.org/"
    assert "browser" not in refused(pi, 62, "Hostname mismatch").fix
    pi.system.answer("nmcli networking connectivity", "portal\n")
    assert "browser" in refused(pi, 62, "Hostname mismatch").fix


def test_a_port_that_nobody_answers_is_told_once_with_the_name(pi: Patient) -> None:
    pi.system.certificate = ConnectionRefusedError(111, "Connection refused")
    (found,) = network.tls(pi.facts)
    assert found.what == "voice.example.org:443 cannot be reached (Connection refused)"
    pi.system.addresses = socket.gaierror(-3, "Temporary failure in name resolution")
    assert words(network.tls(pi.facts)) == []


def test_what_speaks_no_tls_is_told(pi: Patient) -> None:
    pi.system.certificate = ssl.SSLError(1, "wrong version number")
    assert levels(network.tls(pi.facts)) == ["failure"]


def test_a_good_handshake_is_fine(pi: Patient) -> None:
    assert words(network.tls(pi.facts)) == [
        ("ok", "voice.example.org:443 proves who it is (TLSv1.3)")
    ]


def test_nothing_is_sent_where_nothing_may_be(pi: Patient) -> None:
    pi.offline = True
    pi.system.addresses = OSError("asked")
    assert words(network.dns(pi.facts)) + words(network.tls(pi.facts)) == []
    assert levels(network.service(pi.facts)) == ["note"]


def test_behind_a_proxy_names_and_certificates_are_its_business(pi: Patient) -> None:
    pi.system.named_proxy = "http://proxy.example:3128"
    assert levels([*network.dns(pi.facts), *network.tls(pi.facts)]) == ["ok"]


def test_the_service_that_refuses_says_why_with_the_hint_of_the_failure(pi: Patient) -> None:
    pi.system.write("/etc/pi-voice/api_key", "sk-1234\n")
    pi.refusal = Refusal(Failure.QUOTA_SPENT, "the account has no credit")
    (found,) = network.service(pi.facts)
    assert found.what == "the account has no credit"
    assert found.fix == HINTS[Failure.QUOTA_SPENT].fix
    pi.refusal = None
    assert words(network.service(pi.facts)) == [
        ("ok", "voice.example.org accepts the key and the settings")
    ]


def test_a_service_that_refuses_a_setting_leads_to_the_file(pi: Patient) -> None:
    pi.system.write("/etc/pi-voice/api_key", "sk-1234\n")
    pi.refusal = Refusal(Failure.MISCONFIGURED, "no such voice")
    (found,) = network.service(pi.facts)
    assert found.fix == configuration.mend(pi.facts)
    pi.refusal = Refusal(Failure.MISCONFIGURED, "no such model", "Check [service] model and url")
    (found,) = network.service(pi.facts)
    assert found.fix == "Check [service] model and url"


def test_a_service_is_not_asked_without_a_key(pi: Patient) -> None:
    pi.refusal = Refusal(Failure.KEY_REFUSED, "asked")
    assert words(network.service(pi.facts)) == []


def test_the_parrot_inside_is_no_real_service(pi: Patient) -> None:
    pi.settings = parse("")
    assert levels(network.service(pi.facts)) == ["note"]
    assert words(network.dns(pi.facts)) == []


def test_a_service_on_this_machine_needs_no_name(pi: Patient) -> None:
    pi.settings = parse('[service]\nurl = "ws://127.0.0.1:8765"\n')
    assert words(network.dns(pi.facts)) + words(network.tls(pi.facts)) == []
    assert levels(network.service(pi.facts)) == ["ok"]


def test_a_configuration_that_cannot_be_used_is_not_tried(pi: Patient) -> None:
    pi.settings, pi.problems = parse(""), ("config.toml: nonsense",)
    assert words(network.service(pi.facts)) == []
