package core

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/realm"
)

func TestMain(m *testing.M) {
	outwork.Main()
	realm.Main(m, realm.Options{Private: []string{"/srv", "/opt", "/var/log"}})
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err error, with string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), with) {
		t.Errorf("got %v, want an error with %q", err, with)
	}
}

func TestHostname(t *testing.T) {
	realm.Need(t)
	write(t, bootName, "# a comment\n\n  old \nsecond\n", 0o644)
	if h, err := hostname(); err != nil || h.Boot != "old" {
		t.Errorf("got %+v, %v", h, err)
	}
	if err := setHostname("web1"); err != nil {
		t.Fatal(err)
	}
	if h, err := hostname(); err != nil || h != (Hostname{"web1", "web1"}) {
		t.Errorf("got %+v, %v", h, err)
	}
	info, err := os.Stat(bootName)
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("%s: %v, %v", bootName, info, err)
	}
}

// Of names that are set at once, one is set and written.
func TestHostnamesAtOnce(t *testing.T) {
	realm.Need(t)
	for range 20 {
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				if err := setHostname(fmt.Sprintf("web%d", i)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if h, err := hostname(); err != nil || h.Name != h.Boot {
			t.Fatalf("got %+v, %v", h, err)
		}
	}
}

// A name that cannot be written for the next boot is not set either.
func TestHostnameIsSetBack(t *testing.T) {
	realm.Need(t)
	if err := os.RemoveAll(bootName); err != nil {
		t.Fatal(err)
	}
	if h, err := hostname(); err != nil || h.Boot != "" {
		t.Errorf("without a file: %+v, %v", h, err)
	}
	before, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(bootName+"/directory", 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(bootName)
	if err := setHostname("web2"); err == nil {
		t.Error("a directory was replaced")
	}
	if after, err := os.Hostname(); err != nil || after != before {
		t.Errorf("the name is %q, not %q: %v", after, before, err)
	}
	left, err := filepath.Glob("/etc/.hostname.*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestParameterParse(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"vm.swappiness", "60", "[60]"},
		{"vm.swappiness", " 060 ", "[60]"},
		{"vm.swappiness", "201", "not a number from 0 to 200"},
		{"vm.swappiness", "-1", "not a number"},
		{"vm.swappiness", "1 2", "1 number, not 2"},
		{"vm.swappiness", "", "1 number, not 0"},
		{"vm.swappiness", "1\n2", "1 number, not 2"},
		{"vm.swappiness", "99999999999999999999", "not a number"},
		{"net.ipv4.ip_forward", "2", "not a number from 0 to 1"},
		{"net.ipv4.ip_local_port_range", "32768 60999", "[32768 60999]"},
		{"net.ipv4.ip_local_port_range", "32768", "2 numbers, not 1"},
		{"net.ipv4.ip_local_port_range", "60999 32768", "is empty"},
	} {
		numbers, err := parameters[test.name].parse(test.value)
		got := fmt.Sprint(numbers)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, test.want) {
			t.Errorf("%s=%q: got %s, want %s", test.name, test.value, got, test.want)
		}
	}
}

func TestSysctl(t *testing.T) {
	realm.Need(t)
	const name = "net.ipv4.ip_local_port_range"
	p := parameters[name]
	if err := p.set("40000   50000"); err != nil {
		t.Fatal(err)
	}
	if got, err := p.get(name); err != nil || got != (Sysctl{name, "40000 50000"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err := parameterOf("kernel.core_pattern")
	fails(t, err, "none of the parameters")
}

// What the tags offer is what there is.
func TestEnums(t *testing.T) {
	for _, test := range []struct {
		args  any
		field string
		want  []string
	}{
		{SysctlArgs{}, "Name", keys(parameters)},
		{SetSysctlArgs{}, "Name", keys(parameters)},
		{ReadFileArgs{}, "Name", keys(readable)},
		{DirectoryArgs{}, "Parent", keys(parents)},
	} {
		f, _ := reflect.TypeOf(test.args).FieldByName(test.field)
		got := strings.Split(f.Tag.Get("enum"), ",")
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%T.%s offers %q; there are %q", test.args, test.field, got, test.want)
		}
	}
}

func keys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func TestListen(t *testing.T) {
	realm.Need(t)
	for _, address := range []string{"127.0.0.1", "::1", "0.0.0.0", "::"} {
		socket, err := listen(t.Context(), ListenArgs{Port: 443, Address: address})
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		accepts(t, socket)
	}
	for want, a := range map[string]ListenArgs{
		"port 0 is not":     {Port: 0, Address: "127.0.0.1"},
		"port 1024 is not":  {Port: 1024, Address: "127.0.0.1"},
		`"" is neither`:     {Port: 1},
		`"10.0.0.1" is nei`: {Port: 1, Address: "10.0.0.1"},
		`"localhost" is n`:  {Port: 1, Address: "localhost"},
	} {
		_, err := listen(t.Context(), a)
		fails(t, err, want)
	}
}

// accepts checks that a socket alone still listens, and closes it.
func accepts(t *testing.T, socket *os.File) {
	t.Helper()
	l, err := net.FileListener(socket)
	if err := errors.Join(err, socket.Close()); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
}

func TestReadFile(t *testing.T) {
	realm.Need(t)
	write(t, "/var/log/auth.log", "seen\n", 0o600)
	f, err := openListed("/var/log/auth.log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); err != nil || string(text) != "seen\n" {
		t.Errorf("read %q, %v", text, err)
	}
	if _, err := f.WriteString("x"); err == nil {
		t.Error("the file can be written")
	}
}

func TestReadFileRefuses(t *testing.T) {
	realm.Need(t)
	const name = "/var/log/secret/file"
	write(t, "/var/log/other/file", "other\n", 0o600)
	for what, test := range map[string]struct {
		prepare func() error
		want    string
	}{
		"nothing":     {func() error { return nil }, "no such file"},
		"a link":      {func() error { return os.Symlink("/var/log/other/file", name) }, "too many levels"},
		"a directory": {func() error { return os.Mkdir(name, 0o700) }, "not what it should be"},
		"a FIFO":      {func() error { return syscall.Mkfifo(name, 0o600) }, "not what it should be"},
		"a socket":    {func() error { return listenUnix(name) }, "no such device"},
		"below a link": {
			func() error { return errors.Join(os.Remove("/var/log/secret"), os.Symlink("other", "/var/log/secret")) },
			"not a directory",
		},
	} {
		if err := errors.Join(os.RemoveAll("/var/log/secret"), os.Mkdir("/var/log/secret", 0o700), test.prepare()); err != nil {
			t.Fatal(err)
		}
		f, err := openListed(name)
		if err == nil {
			f.Close()
			t.Errorf("%s was opened", what)
		}
		fails(t, err, test.want)
	}
}

func listenUnix(name string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

func TestTailOfFile(t *testing.T) {
	realm.Need(t)
	const name = "/var/log/test"
	was, were := journals, logs
	defer func() { journals, logs = was, were }()
	journals, logs = nil, []string{"/var/log/absent", name}
	long := strings.Repeat(strings.Repeat("x", 99)+"\n", 2*maxOutput/100)
	for _, test := range []struct {
		text  string
		lines int
		want  string
	}{
		{"", 5, ""},
		{"a\nb\nc\n", 2, "b|c"},
		{"a\nb\nc", 5, "a|b|c"},
		{"a\n\nc\n", 2, "|c"},
		{"caf\xe9\n", 1, "caf\ufffd"},
		{strings.Repeat("x", maxOutput+5) + "\nlast\n", 5, "last"},
	} {
		write(t, name, test.text, 0o600)
		got, err := tail(t.Context(), test.lines)
		if err != nil || strings.Join(got, "|") != test.want {
			t.Errorf("last %d of %.20q: %q, %v", test.lines, test.text, got, err)
		}
	}
	write(t, name, long, 0o600)
	got, err := tail(t.Context(), 1<<20)
	if err != nil || len(got) != maxOutput/100 || len(got[0]) != 99 {
		t.Errorf("got %d lines, %v", len(got), err)
	}
	logs = nil
	_, err = tail(t.Context(), 1)
	fails(t, err, "keeps no log")
}

// The journal of this host is empty or not; either way journalctl is content
// with how it is run.
func TestTailOfJournal(t *testing.T) {
	realm.Need(t)
	if _, err := os.Stat(journalctl); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("journalctl is not installed")
	}
	was := journals
	defer func() { journals = was }()
	journals = []string{"/var/log"}
	if got, err := tail(t.Context(), 3); err != nil || len(got) > 3 {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestEndKeepsTheEnd(t *testing.T) {
	e := end{limit: 8}
	for _, text := range []string{"one\n", "two\n", "three\n", strings.Repeat("y", 20), "\nz"} {
		if n, err := e.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	if string(e.b) != "yyyyyy\nz" || string(e.whole()) != "z" {
		t.Errorf("kept %q, whole %q", e.b, e.whole())
	}
}

func TestUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	if mask, err := umask(); err != nil || mask != 0o027 {
		t.Errorf("got %#o, %v", mask, err)
	}
}

func TestCreateDirectory(t *testing.T) {
	realm.Need(t)
	defer syscall.Umask(syscall.Umask(0o077))
	alice := realm.Lookup("alice")
	if err := createDirectory("/srv", "site", owner{alice.UID, alice.GID}, 0o755); err != nil {
		t.Fatal(err)
	}
	var s unix.Stat_t
	if err := unix.Lstat("/srv/site", &s); err != nil || s.Uid != alice.UID || s.Gid != alice.GID || s.Mode != unix.S_IFDIR|0o755 {
		t.Errorf("got %+v, %v", s, err)
	}
	err := createDirectory("/srv", "site", owner{}, 0o755)
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
}

func TestCreateDirectoryRefuses(t *testing.T) {
	realm.Need(t)
	me := owner{12001, 12001}
	for _, name := range []string{"", ".", "..", "a/b", "/etc/x", "../x"} {
		fails(t, createDirectory("/srv", name, me, 0o700), "not the name of a directory")
	}
	fails(t, createDirectory("/etc", "x", me, 0o700), "none of the directories")
	fails(t, createDirectory("/srv/", "x", me, 0o700), "none of the directories")
	if err := os.Symlink("/etc", "/srv/link"); err != nil {
		t.Fatal(err)
	}
	fails(t, createDirectory("/srv", "link", me, 0o700), "file exists")
	if err := os.Chmod("/opt", 0o777); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod("/opt", 0o755)
	fails(t, createDirectory("/opt", "x", me, 0o700), "must belong to root")
	if err := os.Chmod("/opt", os.ModeSticky|0o777); err != nil {
		t.Fatal(err)
	}
	if err := createDirectory("/opt", "x", me, 0o700); err != nil {
		t.Errorf("in a sticky directory: %v", err)
	}
}

// The parent becomes a link elsewhere, and a directory again, while directories
// are created: none is ever created or handed over elsewhere.
func TestCreateDirectoryWhileParentIsSwapped(t *testing.T) {
	realm.Need(t)
	const rounds = 300
	const parent, hidden, elsewhere = "/srv/parent", "/srv/hidden", "/srv/elsewhere"
	for _, dir := range []string{parent, elsewhere} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	parents[parent] = true
	defer delete(parents, parent)
	if err := os.Symlink(elsewhere, hidden); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, parent, unix.AT_FDCWD, hidden, unix.RENAME_EXCHANGE)
			}
		}
	}()
	created := 0
	for i := range rounds {
		if createDirectory(parent, fmt.Sprintf("d%d", i), owner{12001, 12001}, 0o700) == nil {
			created++
		}
	}
	close(stop)
	<-stopped
	if entries, err := os.ReadDir(elsewhere); err != nil || len(entries) > 0 {
		t.Errorf("%d directories are elsewhere, %v", len(entries), err)
	}
	t.Logf("%d of %d were created", created, rounds)
}
