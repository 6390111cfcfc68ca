#!/usr/bin/env bash
# Builds the real control plane that the tests run, and the scheduler with our plugin, from Go modules.
#   build.sh [NAME...]   control-plane  etcd, apiserver, scheduler, controller-manager, kubectl, kwok (default)
#                        plugin         mlsched-kube-scheduler for the newest Kubernetes
#                        plugin-1.32    the same for Kubernetes 1.32
# Binaries go to the user's cache, into a folder named by go.mod, go.sum and this script (for the plugin: by its sources
# too). For each name one line is printed: the folder.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '%s\n' "$*" >&2; }
hash() { cat "$@" | sha256sum | cut -c1-16; }

command -v go >/dev/null || { say "build.sh needs Go 1.26 or newer on PATH: install it from your distribution or from go.dev"; exit 1; }
out=${MLSCHED_CONTROL_PLANE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/mlsched/control-plane/$(hash go.mod go.sum build.sh)}
mkdir -p "$out"

# version_flags [GO_LIST_FLAG...]
version_flags() {
  local version major minor package flags kwok
  version=$(go list "$@" -m -f '{{.Version}}' k8s.io/kubernetes)
  IFS=. read -r major minor _ <<<"${version#v}"
  kwok=$(go list "$@" -m -f '{{.Version}}' sigs.k8s.io/kwok 2>/dev/null || true)
  flags="-s -w${kwok:+ -X sigs.k8s.io/kwok/pkg/consts.Version=$kwok}"
  # Without these the binaries report v0.0.0 and clients refuse the version skew.
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
    flags+=" -X $package.gitTreeState=clean -X $package.gitCommit=0000000000000000000000000000000000000000"
    flags+=" -X $package.buildDate=2026-01-01T00:00:00Z"
  done
  printf '%s' "$flags"
}

# build FILE PACKAGE [GO_BUILD_FLAG...]: leaves no half-written binary behind, and skips one that is there.
build() {
  local file=$1 package=$2 flags
  shift 2
  [ -x "$file" ] && return 0
  say "building $(basename "$file") (cold: a few minutes)"
  mkdir -p "$(dirname "$file")"
  flags=$(version_flags ${1:+"$1"})
  nice -n 10 go build -p 2 "$@" -ldflags "$flags" -o "$file.$$.tmp" "$package"
  mv "$file.$$.tmp" "$file"
}

# plugin FOLDER [GO_BUILD_FLAG...]
plugin() {
  local folder=$1
  shift
  build "$folder/mlsched-kube-scheduler" ./cmd/mlsched-kube-scheduler "$@"
  printf '%s\n' "$folder"
}

export CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false -trimpath"
sources=(cmd/*/*.go decision/*.go mlsched/*.go)
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(control-plane)
for target in "${targets[@]}"; do
  case $target in
    control-plane)
      build "$out/etcd" go.etcd.io/etcd/server/v3
      for name in kube-apiserver kube-scheduler kube-controller-manager kubectl; do
        build "$out/$name" "k8s.io/kubernetes/cmd/$name"
      done
      build "$out/kwok" sigs.k8s.io/kwok/cmd/kwok
      stages=$(go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
      cp -f "$stages"/{node/fast/node-initialize,node/heartbeat-with-lease/node-heartbeat-with-lease,pod/fast/pod-ready,pod/fast/pod-complete,pod/fast/pod-delete}.yaml "$out/"
      chmod u+w "$out"/*.yaml
      printf '%s\n' "$out"
      ;;
    plugin) plugin "$out/plugin-$(hash "${sources[@]}")" ;;
    plugin-1.32)
      plugin "$out/plugin-1.32-$(hash "${sources[@]}" k8s-1.32.mod k8s-1.32.sum)" -modfile=k8s-1.32.mod -tags=k8s_1_32
      ;;
    *) say "unknown target $target: use control-plane, plugin or plugin-1.32"; exit 2 ;;
  esac
done
