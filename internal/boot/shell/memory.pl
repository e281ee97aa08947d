my ($nonce, $size, $want, $arch) = @ARGV;
my %numbers = (x86_64 => 319, aarch64 => 279, riscv64 => 279, loongarch64 => 279, i386 => 356, i686 => 356, armv6l => 385, armv7l => 385, ppc64le => 360, s390x => 350);
my $number = $numbers{$arch} or die "no memfd_create for $arch is known\n";
$| = 1;
sub say_ { print "\x89owk:", join("\t", $nonce, @_), "\n"; }
my ($data, $how) = ("", "size");
while (length($data) < $size) {
    my $n = sysread(STDIN, $data, $size - length($data), length($data));
    die "the upload has ended early\n" unless $n;
}
if (eval { require Digest::SHA; 1 }) {
    my $have = Digest::SHA::sha256_hex($data);
    if ($have ne $want) {
        say_("bad", "by perl its SHA-256 is $have instead of $want");
        exit 1;
    }
    $how = "perl";
}
my $name = "outwork";
my $fd = syscall($number, $name, 1);
die "memfd_create: $!\n" if $fd < 0;
open(my $file, ">&=", $fd) or die "fdopen: $!\n";
binmode($file);
my $at = 0;
while ($at < length($data)) {
    my $n = syswrite($file, $data, length($data) - $at, $at) or die "write: $!\n";
    $at += $n;
}
say_("ok", "", $how);
$ENV{OUTWORK_ROLE} = "agent";
exec { "/proc/self/fd/$fd" } "outwork", "[agent]";
die "exec: $!\n";
