#!/bin/sh
# Fuzzes the C rasteriser under the address, undefined-behaviour and thread sanitizers.
# usage: native/sanitize.sh [SCENES [SEED]]; CC names the compiler (gcc or clang with sanitizers).
set -eu
cd "$(dirname "$0")/.."
out="${TMPDIR:-/tmp}/gaussian_heads_sanitize.$$"
mkdir "$out"
trap 'rm -rf "$out"' EXIT

fuzz() { # name, sanitizers, scenes, other options of the compiler
    "${CC:-cc}" -std=gnu11 -O1 -g -Wall -Wextra -Wno-psabi -fno-sanitize-recover=all \
        "-fsanitize=$2" ${4:-} -DMAX_BAND_ENTRIES=3000 -Inative/src native/src/*.c tests/native/fuzz.c -lm -lpthread -o "$out/$1"
    echo "$2:"
    "$out/$1" "$3" "${seed}"
}

scenes="${1:-1000}"
seed="${2:-1}"
fuzz address "address,undefined,float-cast-overflow" "$scenes"
fuzz thread thread "$((scenes / 10))"
if grep -q avx512vl /proc/cpuinfo 2>/dev/null; then
    fuzz wide "address,undefined,float-cast-overflow" "$((scenes / 2))" -march=x86-64-v4
fi
