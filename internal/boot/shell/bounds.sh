# bounds says what the kernel has to confine a worker with: what there is of it, by
# trying where that can be done and leaves nothing.
bounds() {
	[ "$(uname -s)" = Linux ] || return 0;
	_i=;
	if has python3; then _i=$(python3 -ISc 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))' </dev/null 2>/dev/null);
	elif has perl; then _i=$(perl -e 'print syscall(444, 0, 0, 1)' </dev/null 2>/dev/null);
	fi;
	case $_i in
	[1-9]*) say bound landlock "$_i";;
	"") _i=$(cat /sys/kernel/security/lsm 2>/dev/null);
		case ,$_i, in *,landlock,*) say bound landlock;; ,,) say bound landlock "?";; esac;;
	esac;
	if has unshare; then unshare -U true </dev/null >/dev/null 2>&1 && say bound userns;
	elif [ "$(cat /proc/sys/user/max_user_namespaces 2>/dev/null || echo 0)" != 0 ]; then say bound userns;
	fi;
	case $(cat /proc/sys/kernel/seccomp/actions_avail 2>/dev/null) in *kill_process*) say bound seccomp;; esac;
	if [ -f /sys/fs/cgroup/cgroup.controllers ]; then say bound cgroup2;
	elif [ -d /sys/fs/cgroup/memory ]; then say bound cgroup1;
	fi;
};
