# What a hop is given: it becomes the agent if that is in a cache that can be
# trusted, or else says so and does what it is told. It is the argument of a login
# shell that may be anything, hence no single quote, no exclamation mark and no
# newline (comments and indentation go, lines are joined by a space). $_f is the name
# of the file, $_z its size. Each fork costs a millisecond: a warm start has one, of ls.
_u=; _q=; _x=; WHAT
t() {
	[ -O "$1/$_f" ] && [ -x "$1/$_f" ] && [ -O "$1" ] || return 0;
	[ -h "$1" ] && return 0;
	set -- "$1" $(cd "$1" && unset TIME_STYLE && LC_ALL=C ls -ldn . "$_f" 2>/dev/null);
	case "$2 ${11} ${15}" in drwx------*" "-rwx------*" $_z")
		OUTWORK_ROLE=agent; export OUTWORK_ROLE; exec "$1/$_f" "[agent]";;
	esac;
};
each() {
	for _d in "${XDG_CACHE_HOME:-$HOME/.cache}/outwork" @/var/tmp @/dev/shm @/tmp "${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/outwork}"; do
		case $_d in @*) _u=${_u:-$(id -u)}; _d=${_d#@}/outwork-$_u;; esac;
		case $_d in /*) "$@" "$_d" && return 0;; esac;
	done;
	return 1;
};
look() { t "$1"; return 1; };
FIND
printf "\211owk:NONCE\tmiss\t%s\n" "$(uname -sm)";
while IFS= read -r _l; do case $_l in NONCE:*) eval "${_l#*:}";; esac; done
