#!/usr/bin/env bash
# Brings pi_voice onto a bare machine; safe to run again. ./install.sh help tells more.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
venv=$root/.venv
verb=${1:-install}
python=  # the Python that makes the virtual environment
log=     # what the tools said; told to the person only when something fails
passed=()

usage() {
    cat <<'END'
sudo ./install.sh             install the service on this box, or bring it to this version
sudo ./install.sh upgrade     the same, where it is installed already
sudo ./install.sh rollback    go back to the version before
sudo ./install.sh uninstall   remove the program; --purge: and configuration, key and user
  --profile NAME      what the box is, for its first configuration (config/NAME.toml):
                      hobby-kit (hold the button), smart-speaker (just talk) or kiosk
  --unattended FILE   ask nothing; the answers are in FILE (see config/unattended.toml)
  --no-start          do not start the service now
  --dry-run           only say what would be done

./install.sh demo [options]   install what is missing here, then hold the demo conversation
./install.sh test             install what is missing here, then run every check and test
./install.sh help             this text

For demo and test, Python packages go into .venv beside this script. Packages of the distribution
are named before they are installed, and none is ever removed. demo passes its options on: --wav,
--out, --json … PYTHON=/path/to/python3 takes another Python than the distribution's.
END
}

say() { printf '%s\n' "$*"; }

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# misused WHAT: how it is used, and what was not understood.
misused() {
    { usage && printf '\ninstall.sh: %s; see above\n' "$1"; } >&2
    exit 2
}

quietly() { "$@" >>"$log" 2>&1 </dev/null; }

# failed WHAT: one sentence with the cause that the log shows and its repair.
failed() {
    local cause='the reason stands at the end of what was said'
    case $(tail -n 200 "$log") in
        *'No space left on device'*) cause='the disk is full: make room, then run this again' ;;
        *'sudo: a '* | *sudoers*) cause='sudo refused: run this as somebody who may use it' ;;
        *'remove is disabled'*) cause='a package here is in the way, and this script removes none' ;;
        *'Could not get lock'*) cause='another program installs packages: run this again later' ;;
        *'Python.h: No such file'*) cause="install the headers of $python (its -dev package)" ;;
        *'not yet valid'* | *'not valid yet'*)
            cause='the clock is wrong: sudo timedatectl set-ntp true, wait a minute, run this again' ;;
        *'Temporary failure'* | *'ould not resolve'* | *'ailed to resolve'* | *unreachable* | \
            *'Failed to establish'* | *'ould not connect'* | *'nable to connect'* | *'timed out'*)
            cause='the package servers cannot be reached: check the network, then run this again' ;;
    esac
    trap - EXIT
    fail "$1: $cause"$'\n'"What was said until then: $log"
}

# --- what the machine has ---

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

choose_python() {
    python=${PYTHON:-/usr/bin/python3}
    if [[ -z ${PYTHON:-} ]] && ! new_enough "$python"; then
        python=$(command -v python3) || fail "there is no python3 here; run: apt-get install python3"
    fi
    new_enough "$python" || fail "Python 3.11 or newer is needed, and $python is not;" \
        "name another one: PYTHON=/path/to/python3 ./install.sh $verb"
    python=$("$python" -c 'import sys; print(sys.executable)')
}

# The distribution's Python can use the distribution's PyAudio, and no compiler is needed.
of_the_distribution() { [[ $(readlink -f "$python") == $(readlink -f /usr/bin/python3) ]]; }

installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

# One per line; a command that is there already, from wherever, needs no package.
packages_for() {
    if of_the_distribution; then
        printf '%s\n' python3-venv python3-pyaudio
    else
        printf '%s\n' portaudio19-dev libc6-dev
        command -v gcc >/dev/null || say gcc
    fi
    [[ $1 == test ]] || return 0
    printf '%s\n' libasound2-plugins alsa-utils pulseaudio-utils espeak-ng
    command -v gcc >/dev/null || printf '%s\n' gcc libc6-dev
    command -v shellcheck >/dev/null || say shellcheck
    # a whole system in a box needs root
    [[ $(id -u) != 0 ]] || printf '%s\n' systemd-container mmdebstrap procps
    command -v systemd-analyze >/dev/null || say systemd
    # PulseAudio would push PipeWire out: beside it the sound test unpacks its own copy
    installed pipewire-alsa || installed pipewire-pulse || say pulseaudio
}

# --- what it gets ---

install_packages() {
    local as_root=() missing=() package
    for package in $(packages_for "$1"); do
        installed "$package" || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    local command=(apt-get install -y --no-install-recommends --no-remove "${missing[@]}")
    if ! command -v apt-get >/dev/null; then
        say "There is no apt-get here; what these packages of Debian hold must be there: ${missing[*]}"
        return 0
    fi
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null || fail "packages are missing, and there is no sudo here;" \
            "as root run: ${command[*]}"
        as_root=(sudo)
    fi
    say "Installing packages: ${as_root[*]:+sudo }${command[*]}"
    # an old list of packages may still do, so only the second command decides
    quietly "${as_root[@]}" apt-get update || true
    quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        "${command[@]}" -o DPkg::Lock::Timeout=120 || failed 'apt-get could not install the packages'
}

make_venv() {
    local options=() identity
    identity="$root, $(readlink -f "$python"), $("$python" -c 'import sys; print(sys.version)')"
    if [[ $(cat "$venv/.made-of" 2>/dev/null) == "$identity" ]] && "$venv/bin/python" -c '' 2>/dev/null; then
        return 0
    fi
    say "Making .venv with $python"
    if of_the_distribution; then options=(--system-site-packages); fi
    rm -rf "$venv"
    quietly "$python" -m venv "${options[@]}" "$venv" ||
        failed "$python could not make .venv"
    printf '%s\n' "$identity" >"$venv/.made-of"
}

# Python packages for demo or test, again only when pyproject.toml changed or one went away.
fill_venv() {
    local wanted=. modules='gpiozero msgspec numpy pyaudio webrtcvad websockets pi_voice' state
    state=$(sha256sum <"$root/pyproject.toml")
    if [[ $1 == test ]]; then
        wanted='.[test]'
        modules+=' hypothesis mypy pytest pytest_asyncio pytest_timeout ruff setuptools'
    fi
    # shellcheck disable=SC2086 # the modules are words
    if [[ $(cat "$venv/.made-for-$1" 2>/dev/null) == "$state" ]] &&
        "$venv/bin/python" -c 'import sys; from importlib.util import find_spec
sys.exit(not all(map(find_spec, sys.argv[1:])))' $modules; then
        return 0
    fi
    say 'Installing Python packages into .venv (this may take minutes)'
    rm -f "$venv"/.made-for-*
    (cd "$root" && quietly "$venv/bin/python" -m pip install --no-input \
        --disable-pip-version-check -e "$wanted") || failed 'pip could not install the packages'
    printf '%s\n' "$state" | tee "$venv/.made-for-$1" >"$venv/.made-for-demo"
}

prepare() {
    unset PYTHONHOME PYTHONPATH
    log=$(mktemp "${TMPDIR:-/tmp}/pi-voice-install.XXXXXX.log" 2>/dev/null) ||
        fail "nothing can be written to ${TMPDIR:-/tmp}: make room there, or set TMPDIR"
    trap 'rm -f "$log"' EXIT
    choose_python
    install_packages "$1"
    make_venv
    fill_venv "$1"
}

# The service is installed by a program of its own, which needs nothing but Python.
manage_service() {
    python=${PYTHON:-/usr/bin/python3}
    [[ -x $python ]] || fail "there is no $python here; run: sudo apt-get install python3"
    new_enough "$python" || fail "Python 3.11 or newer is needed, and $python is not;" \
        'Raspberry Pi OS 12 (Bookworm) and later ones have it'
    export PYTHONPATH=$root
    unset PYTHONHOME
    exec "$python" -B -m pi_voice.installer.command "$@"
}

# --- the checks ---

# check NAME COMMAND…: what it says is shown only if it fails.
check() {
    local name=$1 code
    shift
    printf '%s … ' "$name"
    set +e  # inside a condition the check itself could not use set -e
    (set -e; cd "$root"; "$@") >"$log" 2>&1
    code=$?
    set -e
    if ((code)); then
        say failed
        cat "$log"
        fail "the check '$name' failed"
    fi
    say ok
    passed+=("$name")
}

shell_scripts() {
    local scripts
    mapfile -t scripts < <(find tests config systemd benchmarks -name '*.sh' 2>/dev/null)
    shellcheck install.sh .ci/run "${scripts[@]}"
}

# On a copy, because the program is not where the unit expects it; as a user's unit, because that
# needs nothing outside the scratch folder. A key that systemd does not know is only a warning to
# it, so whatever it says about the unit is a fault.
unit_files() (
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    mkdir -p "$scratch/etc" "$scratch/usr/lib/sysusers.d"
    cp systemd/pi-voice.sysusers.conf "$scratch/usr/lib/sysusers.d/pi-voice.conf"
    systemd-sysusers --root="$scratch"
    read -ra groups < <(sed -n 's/^SupplementaryGroups=//p' systemd/pi-voice.service)
    for group in "${groups[@]}"; do
        grep -q "^$group:.*:pi-voice$" "$scratch/etc/group" ||
            fail "pi-voice.sysusers.conf does not put pi-voice into the group $group"
    done
    unit=$scratch/pi-voice.service
    sed -E 's#^(Exec[A-Za-z]+=[-@:+!]*)[^ ]+#\1/bin/true#' systemd/pi-voice.service >"$unit"
    HOME=$scratch XDG_RUNTIME_DIR=$scratch \
        systemd-analyze verify --user --recursive-errors=no "$unit" 2>&1 | tee "$scratch/said"
    if grep -qF pi-voice.service "$scratch/said"; then exit 1; fi
    systemd-analyze security --offline=true --threshold=20 "$unit"
)

all_tests() {
    say 'tests …'
    (cd "$root" && "$venv/bin/python" -m pytest -q -rs -m 'not long') | tee "$log" ||
        fail "the check 'tests' failed"
    passed+=("tests ($(tail -n 1 "$log" | tr -d '='))")
}

run_checks() {
    check format "$venv/bin/ruff" format --check
    check lint "$venv/bin/ruff" check
    check types "$venv/bin/mypy"
    check 'shell scripts' shell_scripts
    check 'unit files' unit_files
    all_tests
    local joined
    joined=$(printf ', %s' "${passed[@]}")
    say "All passed: ${joined:2}"
}

case $verb in
    demo)
        prepare demo
        trap - EXIT
        rm -f "$log"
        exec "$venv/bin/pi-voice" "$@"
        ;;
    test)
        (($# == 1)) || misused "test takes no '$2'"
        prepare test
        run_checks
        ;;
    help | -h | --help) usage ;;
    install | upgrade | rollback | uninstall | --*) manage_service "$@" ;;
    *) misused "there is no '$verb'" ;;
esac
