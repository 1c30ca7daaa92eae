#!/usr/bin/env bash
# Make Debian's slim image on this machine, where no registry can be asked: debootstrap, its
# security updates, and without manuals and languages, as debian:bookworm-slim is made.
set -euo pipefail

usage() {
    cat <<'END'
Usage: base.sh FOLDER

Writes FOLDER/base.tar, the root of debian:bookworm-slim, unless it is there and younger than a
week. Needs root and debootstrap. DEBIAN_MIRROR names another mirror than deb.debian.org.
END
}

case "${1:-}" in
-h | --help) usage; exit 0 ;;
"") usage >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "base.sh must run as root: debootstrap makes a root file system." >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }

folder=$1
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
mkdir -p "$folder"
if [ -n "$(find "$folder" -maxdepth 1 -name base.tar -mtime -7)" ]; then
    exit 0
fi

root=$(mktemp -d "$folder/base-XXXXXX")
chmod 755 "$root"
trap 'rm -rf --one-file-system "$root"' EXIT
echo "Making a Debian in $folder …"
debootstrap --variant=minbase bookworm "$root" "$mirror" >"$folder/debootstrap.log" 2>&1 ||
    { tail -5 "$folder/debootstrap.log" >&2; exit 1; }

rm "$root/etc/apt/sources.list"
cat >"$root/etc/apt/sources.list.d/debian.sources" <<END
Types: deb
URIs: $mirror
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: ${mirror}-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
cat >"$root/etc/dpkg/dpkg.cfg.d/docker" <<'END'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
path-exclude /usr/share/man/*
END
cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'END'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
cp "$root/etc/resolv.conf" "$root/etc/resolv.conf.kept" 2>/dev/null || true
cp /etc/resolv.conf "$root/etc/resolv.conf"
chroot "$root" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get upgrade -y -qq' \
    >>"$folder/debootstrap.log" 2>&1
rm -f "$root/etc/resolv.conf"
mv "$root/etc/resolv.conf.kept" "$root/etc/resolv.conf" 2>/dev/null || true

find "$root/usr/share/doc" ! -type d ! -name copyright -delete
find "$root/usr/share/locale" -mindepth 1 ! -name locale.alias -delete
rm -rf "$root"/usr/share/{info,man}/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* \
    "$root"/var/log/*
tar --numeric-owner --sort=name -C "$root" -cf "$folder/base.tar.part" .
mv "$folder/base.tar.part" "$folder/base.tar"
