#!/usr/bin/env bash
# Installs and starts Headroom on the primary nodes of an EMR cluster. Does nothing on other nodes.
#
# Run it as a bootstrap action, which covers every primary node and its replacements, or as a step on
# a running cluster (s3://REGION.elasticmapreduce/libs/script-runner/script-runner.jar):
#
#   install.sh s3://BUCKET/headroom-release [--dry-run]
#
# The folder must contain headroom (the binary for the node's architecture), headroom.service and
# policy.yaml, and may contain headroom.toml. The node's role needs read access to the folder and the
# permissions in iam-policy.json. Running the script again updates the installation and restarts the
# daemon; the journal is kept.
set -euo pipefail

readonly info=${HEADROOM_INFO_DIR:-/mnt/var/lib/info}

usage() {
    echo "usage: install.sh s3://BUCKET/FOLDER [--dry-run]" >&2
    exit 2
}

is_primary() {
    grep -Eq '"isMaster"[[:space:]]*:[[:space:]]*true' "$info/instance.json"
}

# The settings: from the folder, else those already installed, else the defaults.
settings() {
    if [ -f "$work/headroom.toml" ]; then
        cat "$work/headroom.toml"
    elif [ -f /etc/headroom/headroom.toml ]; then
        cat /etc/headroom/headroom.toml
    else
        printf 'policy = "policy.yaml"\n'
    fi
}

main() {
    if [ $# -lt 1 ] || [ $# -gt 2 ]; then usage; fi
    local source=${1%/} dry_run=${2:-}
    [[ $source == s3://* ]] || usage
    [ -z "$dry_run" ] || [ "$dry_run" = --dry-run ] || usage
    if ! is_primary; then
        echo "this is not a primary node; nothing to install"
        return
    fi

    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    aws s3 cp --only-show-errors --recursive "$source/" "$work/"
    for file in headroom headroom.service policy.yaml; do
        [ -f "$work/$file" ] || { echo "error: $source/$file is missing; upload it and run this script again" >&2; exit 1; }
    done
    chmod +x "$work/headroom"
    "$work/headroom" check "$work/policy.yaml"
    settings > "$work/settings"

    getent passwd headroom > /dev/null || sudo useradd --system --home-dir /var/lib/headroom --shell /sbin/nologin headroom
    sudo install -d -m 0755 /etc/headroom
    sudo install -d -m 0700 -o headroom -g headroom /var/lib/headroom
    sudo install -m 0755 "$work/headroom" /usr/local/bin/headroom
    sudo install -m 0644 "$work/policy.yaml" /etc/headroom/policy.yaml
    # Addresses in it may have a password.
    sudo install -m 0640 -o root -g headroom "$work/settings" /etc/headroom/headroom.toml
    sudo install -m 0644 "$work/headroom.service" /etc/systemd/system/headroom.service
    sudo install -d -m 0755 /etc/systemd/system/headroom.service.d
    if [ -n "$dry_run" ]; then
        printf '[Service]\nEnvironment=HEADROOM__DRY_RUN=true\n' | sudo tee /etc/systemd/system/headroom.service.d/dry-run.conf > /dev/null
    else
        sudo rm -f /etc/systemd/system/headroom.service.d/dry-run.conf
    fi
    sudo systemctl daemon-reload
    sudo systemctl enable headroom.service
    # In a bootstrap action, YARN does not run yet. The daemon holds until YARN answers.
    sudo systemctl restart headroom.service
    echo "installed Headroom; check it with: systemctl status headroom, journalctl -u headroom, headroom status"
}

main "$@"
