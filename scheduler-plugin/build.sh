#!/usr/bin/env bash
# Builds the real control plane that the tests run, and the scheduler with our plugin, from Go modules.
#   build.sh [NAME...]   names: control-plane (etcd, apiserver, scheduler, controller-manager, kubectl, kwok), plugin
# Binaries go to a folder of the user's cache that is named by go.mod, go.sum and this script; its path is printed.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '%s\n' "$*" >&2; }

command -v go >/dev/null || { say "build.sh needs Go 1.26 or newer on PATH: install it from your distribution or from go.dev"; exit 1; }
key=$(cat go.mod go.sum build.sh | sha256sum | cut -c1-16)
out=${MLSCHED_CONTROL_PLANE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/mlsched/control-plane/$key}
mkdir -p "$out"

version_flags() {
  local version major minor package flags
  version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
  IFS=. read -r major minor _ <<<"${version#v}"
  flags="-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=$(go list -m -f '{{.Version}}' sigs.k8s.io/kwok)"
  # Without these the binaries report v0.0.0 and clients refuse the version skew.
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
    flags+=" -X $package.gitTreeState=clean -X $package.gitCommit=0000000000000000000000000000000000000000"
    flags+=" -X $package.buildDate=2026-01-01T00:00:00Z"
  done
  printf '%s' "$flags"
}

# build NAME PACKAGE: leaves no half-written binary behind, and skips one that is there.
build() {
  [ -x "$out/$1" ] && return 0
  say "building $1 (cold: a few minutes)"
  nice -n 10 go build -p 2 -ldflags "$flags" -o "$out/.$1.tmp" "$2"
  mv "$out/.$1.tmp" "$out/$1"
}

export CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false -trimpath"
flags=$(version_flags)
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(control-plane)
for target in "${targets[@]}"; do
  case $target in
    control-plane)
      build etcd go.etcd.io/etcd/server/v3
      for name in kube-apiserver kube-scheduler kube-controller-manager kubectl; do
        build "$name" "k8s.io/kubernetes/cmd/$name"
      done
      build kwok sigs.k8s.io/kwok/cmd/kwok
      cp -f "$(go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)"/kustomize/stage/{node/fast/node-initialize,node/heartbeat-with-lease/node-heartbeat-with-lease,pod/fast/pod-ready,pod/fast/pod-complete,pod/fast/pod-delete}.yaml "$out/"
      chmod u+w "$out"/*.yaml
      ;;
    plugin) build mlsched-kube-scheduler ./cmd/mlsched-kube-scheduler ;;
    *) say "unknown target $target: use control-plane or plugin"; exit 2 ;;
  esac
done
printf '%s\n' "$out"
