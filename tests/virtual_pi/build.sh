#!/usr/bin/env bash
# Builds the virtual Pi: Debian's own kernel with its simulated GPIO chip and its loopback sound
# card, systemd, and the wheels that pi_voice needs. As root, on Debian 12; takes three minutes.
#
#   build.sh           build what is not built yet, say where it is
#   build.sh --where   only say where it is, or would be
#   build.sh --needs   say what is missing to build and boot it, one sentence each
#
# What it built stands in ${XDG_CACHE_HOME:-~/.cache}/pi-voice/virtual-pi, one folder for each
# state of this recipe: vmlinuz, initrd.gz, root.img. Nothing else on this machine is changed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
SUITE=bookworm

# apt's PyAudio and numpy serve, as on a Pi
dependencies() {
    python3 - "$here/../../pyproject.toml" <<'P'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    data = tomllib.load(file)
wanted = [*data["project"]["dependencies"], *data["project"]["optional-dependencies"]["gpio"],
          *data["build-system"]["requires"]]
print(*(line for line in wanted if not line.startswith(("pyaudio", "numpy"))), sep="\n")
P
}

recipe() { { dependencies && cat "$here/build.sh" "$here"/board/*; } | sha256sum | cut -c1-16; }

needs() {
    local package
    [[ $(id -u) == 0 ]] || echo 'it is built as root'
    # shellcheck source=/dev/null
    [[ $(. /etc/os-release && echo "${VERSION_CODENAME:-}") == "$SUITE" ]] ||
        echo "it is built from the packages of Debian $SUITE, and this is another system"
    for package in mmdebstrap qemu-system-x86 e2fsprogs; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' $package 2>/dev/null) == installed ]] ||
            echo "$package is missing; run: apt-get install --no-install-recommends $package"
    done
}

where=${XDG_CACHE_HOME:-$HOME/.cache}/pi-voice/virtual-pi/$(recipe)
case ${1:-} in
    --where) echo "$where" && exit ;;
    --needs) needs && exit ;;
esac
if [[ -e $where/root.img ]]; then echo "$where" && exit; fi
missing=$(needs)
[[ -z $missing ]] || { echo "build.sh: $missing" >&2 && exit 1; }

mkdir -p "${where%/*}"
work=$(mktemp -d "${where%/*}/build.XXXXXX")
chmod 755 "$work"
trap 'tail -n 20 "$work"/*.log >&2; rm -rf "$work"' EXIT
cd "$work"
step() { printf '%4d s  %s\n' "$SECONDS" "$*" >&2; }
in_builder() { chroot builder env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

sources=/etc/apt/sources.list.d/debian.sources
[[ -e $sources ]] || sources=/etc/apt/sources.list
options=(--quiet --mode=root --variant=minbase)
for file in /etc/apt/apt.conf.d/99*; do
    if [[ -e $file ]]; then options+=("--aptopt=$file"); fi
done
for folder in man locale doc; do
    options+=("--dpkgopt=path-exclude=/usr/share/$folder/*")
done
root() { mmdebstrap "${options[@]}" "--include=$1" "$SUITE" "$2" "$sources" >"$2.log" 2>&1; }

apt-get update -qq
image=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
kernel=${image#linux-image-}
apt-get download -qq "$image" "linux-source-${kernel%%.*}.$(cut -d. -f2 <<<"$kernel")" 2>apt.log
for package in ./*.deb; do dpkg -x "$package" stock; done
rm ./*.deb
step "kernel $kernel"

root "gcc,make,kmod,busybox-static,cpio,e2fsprogs,linux-headers-$kernel" builder
step 'a place with a compiler'

root systemd,systemd-sysv,dbus,udev,kmod,procps,iproute2,alsa-utils,ca-certificates,python3,python3-venv,python3-pyaudio,python3-numpy,python3-spidev guest
step 'the root of the Pi'

mapfile -t wanted < <(dependencies)
python=$here/../../.venv/bin/python
[[ -x $python ]] || python=python3
platforms=()
for glibc in 2014 _2_17 _2_28 _2_34; do platforms+=(--platform "manylinux${glibc}_x86_64"); done
"$python" -m pip download -q --only-binary=:all: --implementation cp --python-version 3.11 \
    --abi cp311 "${platforms[@]}" -d guest/opt/wheels "${wanted[@]}" >pip.log 2>&1
step 'wheels'

# Debian does not build gpio-sim. irq_to_desc, which it calls, is not there for modules, and
# generic_handle_irq does the same here.
mkdir builder/gpio
tar xf stock/usr/src/linux-source-*.tar.xz -C builder/gpio --strip-components=3 --wildcards \
    --no-wildcards-match-slash '*/drivers/gpio/gpio-sim.c' '*/drivers/gpio/gpiolib.h' '*/kernel/irq/irq_sim.c'
sed -i 's/handle_simple_irq(irq_to_desc(irqnum));/generic_handle_irq(irqnum);/' builder/gpio/irq_sim.c
cat >builder/gpio/Makefile <<'M'
obj-m := gpio-simulated.o
gpio-simulated-objs := gpio-sim.o irq_sim.o
ccflags-y := -DCONFIG_IRQ_SIM=1
M
in_builder make -s -C "/lib/modules/$kernel/build" M=/gpio modules >gpio.log 2>&1
step 'the simulated GPIO chip'

modules=lib/modules/$kernel
cp -a "stock/$modules/kernel" stock/"$modules"/modules.{builtin,order} "builder/$modules/"
in_builder depmod "$kernel" 2>/dev/null
files_of() {
    local module
    for module in "$@"; do
        in_builder modprobe -S "$kernel" --show-depends "$module" | awk '$1 == "insmod" {print $2}'
    done | awk '!seen[$0]++'
}

mkdir -p builder/initrd/{bin,modules,dev,new}
install -m 755 "$here/board/init" builder/initrd/init
cp builder/bin/busybox builder/initrd/bin/
files_of virtio_pci virtio_blk ext4 crc32c_generic | while read -r file; do
    cp "builder$file" builder/initrd/modules/
    basename "$file"
done >builder/initrd/modules/order
in_builder sh -c 'cd /initrd && find . | cpio -o -H newc --quiet' | gzip -1 >initrd.gz

files_of configfs snd snd-aloop 9pnet_virtio 9p virtio_net virtio_rng | while read -r file; do
    install -D "builder$file" "guest/${file#/}"
done
install -D builder/gpio/gpio-simulated.ko "guest/$modules/extra/gpio-simulated.ko"
cp "builder/$modules"/modules.{builtin,order} "guest/$modules/"
chroot guest depmod "$kernel" 2>/dev/null
install -m 755 "$here/board/board.sh" guest/usr/local/sbin/
install -m 644 "$here"/board/*.service guest/etc/systemd/system/
install -m 644 "$here/board/99-gpio.rules" guest/etc/udev/rules.d/
install -D -m 644 "$here/board/pi-voice.conf" guest/usr/lib/systemd/system/pi-voice.service.d/board.conf
for group in gpio spi i2c; do chroot guest groupadd --system $group; done
chroot guest systemctl -q enable board.service rig.service
chroot guest systemctl -q mask apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service \
    e2scrub_all.timer dpkg-db-backup.timer fstrim.timer getty@tty1.service
echo virtual-pi >guest/etc/hostname
: >guest/etc/fstab
chroot guest systemd-id128 new >guest/etc/machine-id
rm -rf guest/etc/resolv.conf guest/var/lib/apt/lists/* guest/var/cache/apt/*.bin
# nothing is left to be done at the first boot (systemd-update-done.service)
touch guest/etc/.updated guest/var/.updated
megabytes=$(($(du -sm guest | cut -f1) * 12 / 10 + 1536))  # of which only the used ones exist
mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1 -d guest root.img "${megabytes}M" >mke2fs.log
cp "stock/boot/vmlinuz-$kernel" vmlinuz
step 'the disk'

mkdir image
mv vmlinuz initrd.gz root.img image
mv -T image "$where"
trap 'rm -rf "$work"' EXIT
echo "$where"
