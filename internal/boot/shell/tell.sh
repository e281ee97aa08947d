# What package boot's type Probe is filled with.
tell() {
	say os "$(uname -s)" "$(uname -m)" "$(id -u)" "$(id -un 2>/dev/null)" "$HOME" "$SHELL";
	for _i in head dd gzip find sha256sum shasum openssl python3 perl; do has $_i && say tool $_i; done;
	has python3 && say python "$(python3 -ISc 'import sys; print("%d.%d.%d" % sys.version_info[:3])' </dev/null 2>/dev/null)";
};
# every looks at every directory, and leaves none that was not there.
every() { room "$1"; [ "$_w" ] || tidy; say dir "$1" "$_w"; return 1; };
# cached says where the program is.
cached() { [ -f "$1/$_f" ] && [ -O "$1/$_f" ] && say cached "$1"; };
