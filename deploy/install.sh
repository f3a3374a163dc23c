#!/bin/sh
# Installs the annotation server into a virtual environment of its own.
#
#   deploy/install.sh PREFIX        e.g. /opt/nami-bench
#
# Runs in the Dockerfile's first stage, and by hand on a server without containers. Neither PyTorch nor any
# model comes with it: those are for the machine that makes and measures images.
set -eu
prefix=${1:?"usage: $0 PREFIX"}
source=$(dirname "$(dirname "$(realpath "$0")")")
"${PYTHON:-python3}" -m venv "$prefix"
"$prefix/bin/python" -m pip install --no-cache-dir --constraint "$source/constraints.txt" "$source[postgres]"
"$prefix/bin/nami-bench" --version
