#!/usr/bin/env bash
# Installs the browser and the database server that tests of the review page use, where they are
# missing and may be installed. Elsewhere those tests are skipped, and say what to install.
set -euo pipefail

missing=()
command -v chromium >/dev/null || [ -n "${AUTOQA_CHROMIUM:-}" ] || missing+=(chromium)
command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
  [ -n "${AUTOQA_TEST_POSTGRESQL:-}" ] || missing+=(postgresql)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  get() { apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1; }
  get || { apt-get update -qq >/dev/null 2>&1 && get; } && exit 0
fi
echo "not installed: ${missing[*]}; the tests that need them are skipped" >&2
