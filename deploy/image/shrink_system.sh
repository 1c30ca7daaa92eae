#!/bin/sh
# Take out of Debian what the service never calls: whatever installs, mounts, signs in or formats.
# It is smaller, and there is less in it for whoever breaks in. The list of packages stays true, so
# that a scanner sees what is there. Runs once, in the Dockerfile.
set -eu

packages="
adduser apt bsdutils debconf debian-archive-keyring diffutils dpkg e2fsprogs gpgv
init-system-helpers libapt-pkg6.0 libaudit-common libaudit1 libblkid1 libcap-ng0 libcom-err2
libdb5.3 libext2fs2 libgcrypt20 libgnutls30 libgpg-error0 libgssapi-krb5-2 libhogweed6 libidn2-0
libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libmount1 libnettle8 libnsl2 libp11-kit0
libpam-modules libpam-modules-bin libpam-runtime libpam0g libseccomp2 libsemanage-common
libsemanage2 libsepol2 libsmartcols1 libss2 libsystemd0 libtasn1-6 libtirpc-common libtirpc3
libudev1 libunistring2 libxxhash0 login logsave mount ncurses-bin openssl passwd perl-base
sysvinit-utils usr-is-merged util-linux util-linux-extra
"

present=""
for package in $packages; do
    if dpkg-query --show "$package" >/dev/null 2>&1; then
        present="$present $package"
        # They would call each other when half of them is gone.
        rm -f "/var/lib/dpkg/info/$package".p* "/var/lib/dpkg/info/$package":*.p*
    fi
done
# shellcheck disable=SC2086 # words
dpkg --purge --force-depends --force-remove-essential --force-remove-protected $present \
    >/tmp/purge.log 2>&1 || { cat /tmp/purge.log; exit 1; }

# Modules of Python whose libraries went with them, and those that are for its developers.
cd /usr/lib/python3.11
rm -rf lib-dynload/_dbm.*.so lib-dynload/nis.*.so ensurepip idlelib lib2to3 pydoc_data test turtledemo
rm -rf /usr/bin/tini-static /etc/apt /etc/dpkg /etc/pam.d /etc/security /etc/init.d /etc/rc*.d \
    /etc/systemd /etc/update-motd.d /usr/lib/systemd /usr/lib/udev /var/lib/apt /var/lib/systemd \
    /var/cache/* /var/log/* /usr/share/doc/*/changelog* /usr/share/info /usr/share/lintian \
    /usr/share/man /usr/share/pixmaps /usr/share/gdb /usr/share/gcc /var/lib/dpkg/*-old /tmp/*
find /etc -maxdepth 1 -name '*-' -delete
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
