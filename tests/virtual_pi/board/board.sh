#!/bin/sh
# What a Pi has and this computer has not: the header's GPIO chip, a sound card, the board's number.
set -eu
modprobe -a configfs snd-aloop 9pnet_virtio 9p
insmod "/lib/modules/$(uname -r)/extra/gpio-simulated.ko"
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
header=/sys/kernel/config/gpio-sim/header
mkdir -p $header/bank
echo 54 >$header/bank/num_lines
echo pinctrl-bcm2711 >$header/bank/label
echo 1 >$header/live
# a stable name for whoever drives the lines: sim_gpio17/pull, sim_gpio27/value
ln -sfn "/sys/devices/platform/$(cat $header/dev_name)/$(cat $header/bank/chip_name)" /run/header
# nobody presses: as the pull-up of a Pi leaves it
echo pull-up >/run/header/sim_gpio17/pull
{ cat /proc/cpuinfo && printf 'Revision\t: c03115\nModel\t\t: Raspberry Pi 4 Model B Rev 1.5\n'; } >/run/cpuinfo
mount --bind /run/cpuinfo /proc/cpuinfo
mkdir -p /host
mount -t 9p -o trans=virtio,version=9p2000.L,msize=131072 host /host
