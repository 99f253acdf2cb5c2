#!/bin/sh
# Makes a folder with a real Blender, Xvfb and Mesa in it from Debian's unstable suite (2 GB, minutes, root).
# usage: set_up.sh FOLDER
set -eu
folder=$1
if [ ! -x "$folder/usr/bin/blender" ]; then
    [ "$(id -u)" = 0 ] || { echo "set_up.sh needs root; or name a Blender of your own: make test-gui BLENDER=/path/to/blender" >&2; exit 1; }
    command -v debootstrap >/dev/null || apt-get install -y debootstrap
    debootstrap --variant=minbase sid "$folder"
    chroot "$folder" apt-get install -y --no-install-recommends blender xvfb xauth imagemagick \
        libgl1-mesa-dri mesa-vulkan-drivers libegl1 python3-numpy python3-cattr python3-requests python3-zstandard
fi
for place in proc dev; do
    mountpoint -q "$folder/$place" || mount --bind "/$place" "$folder/$place"
done
