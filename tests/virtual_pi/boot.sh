#!/usr/bin/env bash
# Boots the virtual Pi, without KVM, and returns when it is switched off.
#
#   boot.sh FOLDER SECONDS
#
# FOLDER is /host in the guest, where rig.service runs `python3 -m guest.main`; the console is written
# to FOLDER/console.log. Restarting the guest keeps its disk, ending it forgets it: the image is
# never changed. After SECONDS it is ended, with 124.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
image=$("$here/build.sh" --where)
folder=$(readlink -f "$1")
# Nehalem: a processor without AVX, whose emulation in qemu 7.2 lets numpy hang and crash
# shellcheck disable=SC2054 # the commas are qemu's
options=(
    -accel tcg,thread=multi,tb-size=512 -cpu Nehalem -smp 2 -m 2048
    -display none -monitor none -nic none -rtc base=utc,clock=host
    -kernel "$image/vmlinuz" -initrd "$image/initrd.gz"
    -append 'console=ttyS0 quiet panic=10 mitigations=off random.trust_cpu=on systemd.show_status=0'
    -drive "file=$image/root.img,if=virtio,format=raw,cache=unsafe,snapshot=on"
    -virtfs "local,path=$folder,mount_tag=host,security_model=none,id=host"
    -serial "file:$folder/console.log"
)
exec timeout --kill-after=5 "$2" qemu-system-x86_64 "${options[@]}"
