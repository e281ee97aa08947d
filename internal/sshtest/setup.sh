# The first process of a machine, in namespaces of its own. It makes the machine's
# file system, says "ready", waits for the word that its files are there, and becomes
# sshd. $1 is the umask, $2 the name, $3 the path of busybox if that is to be all; then
# come the extra mounts: a directory and its options each.
set -eu
umask 022
mask=$1 name=$2 busybox=$3
shift 3

# What is written goes to memory, over this machine's file system, which stays as it is.
mount --make-rprivate /
mount -t tmpfs -o mode=755 sshtest /run
mkdir /run/upper /run/work /run/machine
mount -t overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work sshtest /run/machine
cd /run/machine

# tmpfs DIR MODE
tmpfs() { mount -t tmpfs -o "mode=$2" sshtest "$1"; }

tmpfs tmp 1777
tmpfs var/tmp 1777
tmpfs home 755
tmpfs root 700
tmpfs run 755
tmpfs dev 755
mkdir -m 1777 dev/shm
tmpfs dev/shm 1777
mkdir dev/pts run/sshd run/sshtest run/old
mkdir -m 700 home/deploy
chown 1000:1000 home/deploy
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 sshtest dev/pts
mount -t proc sshtest proc
mount --rbind /sys sys
[ ! -d sys/fs/cgroup ] || tmpfs sys/fs/cgroup 755 # a group made there would stay behind

if [ -n "$busybox" ]; then
	for dir in usr/bin usr/sbin usr/local/bin usr/local/sbin; do
		tmpfs "$dir" 755
	done
	cp -p /usr/sbin/sshd usr/sbin
	cp -p /usr/bin/sudo "$busybox" usr/bin
	usr/bin/busybox --install usr/bin
fi

while [ $# -gt 0 ]; do
	mkdir -p ".$1"
	mount -t tmpfs -o "$2,uid=$(stat -c %u ".$1"),gid=$(stat -c %g ".$1"),mode=$(stat -c %a ".$1")" sshtest ".$1"
	shift 2
done

echo "$name" >/proc/sys/kernel/hostname
pivot_root . run/old
cd /
umount -l /run/old
rmdir /run/old

echo ready
read -r _
umask "$mask"
exec /usr/sbin/sshd -D -e -f /run/sshtest/sshd_config </dev/null >/dev/null
