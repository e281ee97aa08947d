# What the commands that follow a miss are made of. They are evaluated, as one line,
# by the shell of stage.sh, whose functions are there.
_m=NONCE;
[ "$_q" ] || { _q=1; _k=$(umask); _L=${LC_ALL-}; _Z=${LC_ALL+1}; _n=$(printf '\n.'); _n=${_n%.}; };
umask 077; LC_ALL=C; export LC_ALL; unset TIME_STYLE;
has() { command -v "$1" >/dev/null 2>&1; };
say() { printf '\211owk:%s' $_m; printf '\t%s' "$@"; printf '\n'; };
# The agent gets the environment that the shell had.
back() { umask "$_k"; if [ "$_Z" ]; then LC_ALL=$_L; else unset LC_ALL; fi; };
become() { back; OUTWORK_ROLE=agent; export OUTWORK_ROLE; exec "$@" '[agent]'; };
# last makes $_w of what a program has complained with what it complains about.
# (gzip begins with an empty line.)
last() { _w=${_w#"$_n"}; _w=${_w%%"$_n"*}; _w=${_w##*: }; };
# room finds out whether $_c blocks of 64 KiB can be written to directory $1 and
# executed there, which it makes if it must. $_w is why not; $_s a file for use.
room() {
	_d=$1; _p=${_d%/*}; _a=; _b=; _w=; _s=$_d/.outwork-$_m;
	[ -d "$_p" ] || { _w=$(mkdir "$_p" 2>&1) && _a=1; };
	[ -d "$_p" ] && _w=;
	[ "$_w" ] || [ -d "$_d" ] || [ -h "$_d" ] || { _w=$(mkdir "$_d" 2>&1) && _b=1; };
	if [ -h "$_d" ]; then _w='is a symbolic link';
	elif [ ! -d "$_d" ]; then last; _w=${_w:-is not a directory};
	elif [ ! -O "$_d" ]; then _w='belongs to another user';
	else
		_w=;
		case $(ls -ldn "$_d") in
		d????-??-*) chmod 700 "$_d"; try;;
		*) _w='may be written to by others';;
		esac;
	fi;
	[ -z "$_w" ] || tidy;
};
try() {
	if has dd; then _w=$(dd if=/dev/zero of="$_s" bs=65536 count=$_c 2>&1) && _w=; fi;
	[ -z "$_w" ] && _w=$( { printf '#!/bin/sh\nexit 0\n' >"$_s"; } 2>&1 );
	[ -z "$_w" ] && _w=$(chmod 700 "$_s" 2>&1);
	last;
	[ -z "$_w" ] && { "$_s" </dev/null >/dev/null 2>&1 || _w=noexec; };
	rm -f "$_s";
};
# tidy removes what room has made.
tidy() {
	[ -z "$_b" ] || rmdir "$_d" 2>/dev/null;
	[ -z "$_a" ] || rmdir "$_p" 2>/dev/null;
};
# take copies the next $1 bytes, and perhaps reads more than that.
take() {
	if has head; then head -c "$1";
	elif has dd; then dd ibs=1 obs=65536 count="$1" 2>/dev/null;
	else return 1;
	fi;
};
