#!/usr/bin/env bash
# A read-only check of an ext4 copy that was made while the file system was mounted is wrong in both directions.
#
# Software: e2fsprogs 1.47.0-2+b2 of Debian 12. No mount, no root.
#
# Expected: `e2fsck -n` changes nothing and says whether the copy is good.
# Seen: a file was made; the new inode is on the disk, the new directory only in the journal, in a complete transaction (a
# copy of a mounted file system may be at such a point):
#     e2fsck -n         "clean", exit code 0: the flag says clean, so nothing was looked at
#     e2fsck -f -n      "Unattached inode", exit code 4: what is in the journal was left out
#     e2fsck -p         "recovering journal", exit code 0 although it wrote to the image (1 would be "errors corrected")
#     e2fsck -f -n      exit code 0, and the file in the root directory can be read
# The first answer is too good, the second too bad: the copy is sound once its journal has been played.
#
# Why it matters: a check of the copy before the service is started is good practice, and -n seems to be the careful
# form. It refuses good copies or passes what it has not seen. Play the journal (-p, or a mount), then check with -f -n.
set -euo pipefail

export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }
cd "$work"
mkdir -p lists/partial cache/archives/partial root
apt=(apt-get -qq -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User= -o Debug::NoLocking=1)
"${apt[@]}" update
"${apt[@]}" download e2fsprogs=1.47.0-2+b2 libext2fs2=1.47.0-2+b2 libcom-err2=1.47.0-2+b2 libss2=1.47.0-2+b2
for package in *.deb; do dpkg-deb --extract "$package" root; done
export PATH=$work/root/sbin:$PATH MKE2FS_CONFIG=$work/root/etc/mke2fs.conf
LD_LIBRARY_PATH=$(find "$work/root" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd:)
export LD_LIBRARY_PATH
e2fsck -V 2>&1 | head -n 1

truncate -s 64M image
mkfs.ext4 -q image
size=$(dumpe2fs -h image 2>/dev/null | awk '/^Block size/ { print $3 }')
root=$(debugfs -R 'blocks /' image 2>/dev/null | tr -d ' \n')
dd if=image of=old bs="$size" skip="$root" count=1 status=none
echo kept >file
debugfs -w -R 'write file file' image >/dev/null 2>&1
dd if=image of=new bs="$size" skip="$root" count=1 status=none
# The directory with the file stands in the journal, in a transaction that is complete; its place has the one before.
printf 'journal_open\njournal_write -b %s new\njournal_close\n' "$root" >commands
debugfs -w -f commands image >/dev/null 2>&1
dd if=old of=image bs="$size" seek="$root" count=1 conv=notrunc status=none

check() { # name, wanted exit code, wanted words, options of e2fsck
  local name=$1 want=$2 words=$3 code=0 said
  shift 3
  said=$(e2fsck "$@" image 2>&1 </dev/null) || code=$?
  printf '%s: exit code %s\n%s\n\n' "$name" "$code" "$said" | head -n 12
  [ "$code" = "$want" ] || changed "$name: exit code $code"
  [[ $said == *"$words"* ]] || changed "$name: says nothing of $words"
}
check 'read-only' 0 clean -n
check 'read-only, forced' 4 'Unattached inode' -f -n
before=$(cksum <image)
check 'preen' 0 'recovering journal' -p
[ "$before" != "$(cksum <image)" ] || changed 'preen wrote nothing'
check 'read-only, forced, after the journal' 0 'Pass 5' -f -n
[ "$(debugfs -R 'cat file' image 2>/dev/null)" = kept ] || changed 'the file'
