#!/usr/bin/env bash
# Builds everything and runs every test; the last line says how many passed and failed. Needs the .NET SDK. The servers
# that some tests talk to are installed first where that is allowed; a test whose server is missing skips and says so.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en

# command:package, as Debian calls them
servers=(nginx:nginx haproxy:haproxy caddy:caddy redis-server:redis-server wrk:wrk h2load:nghttp2-client curl:curl node:nodejs npm:npm)

missing_packages() {
  local pair
  for pair in "${servers[@]}"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"
  done
}

install_servers() {
  local missing as=() package policy=/usr/sbin/policy-rc.d
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -eq 0 ] && return
  if ! command -v apt-get >/dev/null; then
    echo "test.sh: not installed: ${missing[*]} (no apt-get here); tests that need them skip"
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "test.sh: not installed: ${missing[*]} (installing takes root); tests that need them skip"
      return
    fi
    as=(sudo -n)
  fi
  echo "test.sh: installing ${missing[*]}"
  # Debian starts a server as soon as it is installed. 101 forbids it; a policy that is there already is left alone.
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as[@]}" tee "$policy" >/dev/null && "${as[@]}" chmod 755 "$policy"
    # shellcheck disable=SC2064
    trap "${as[*]} rm -f $policy" EXIT
  fi
  "${as[@]}" apt-get -q update >/dev/null 2>&1
  for package in "${missing[@]}"; do
    # One by one: a package that a distribution lacks must not keep the others out.
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$package" >/dev/null 2>&1 ||
      echo "test.sh: could not install $package; tests that need it skip"
  done
}

# Packages of test/node, exactly as its lock file has them: other implementations that some tests compare with.
install_node_packages() {
  [ test/node/node_modules/.package-lock.json -nt test/node/package-lock.json ] && return
  if ! command -v npm >/dev/null; then
    echo "test.sh: npm is not installed; tests that need packages of test/node skip"
    return
  fi
  npm ci --prefix test/node --ignore-scripts --no-audit --no-fund >/dev/null 2>&1 ||
    echo "test.sh: npm ci failed in test/node; tests that need its packages skip"
}

# The sum of an attribute over the <Counters> of all result files.
count() {
  cat "$results"/*.trx 2>/dev/null | grep -o '<Counters [^>]*>' | grep -o " $1=\"[0-9]*\"" | tr -dc '0-9\n' | awk '{ n += $1 } END { print n + 0 }'
}

install_servers
install_node_packages

if ! dotnet build Postern.slnx -c Release -warnaserror -v quiet -clp:Summary; then
  echo "test.sh: the build failed"
  echo "0 passed, 1 failed"
  exit 1
fi

results=$(mktemp -d)
dotnet test Postern.slnx -c Release --no-build --logger trx --results-directory "$results"
status=$?

passed=$(count passed) failed=$(count failed) skipped=$(($(count total) - $(count executed)))
rm -rf "$results"
if [ $status -ne 0 ] && [ "$failed" -eq 0 ]; then
  echo "test.sh: the test run broke off (exit $status)"
  failed=1
fi
[ "$((passed + failed))" -eq 0 ] && echo "test.sh: no test ran"
line="$passed passed, $failed failed"
[ "$skipped" -gt 0 ] && line="$line, $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
