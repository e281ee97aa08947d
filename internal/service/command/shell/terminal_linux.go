package shell

import (
	"os"

	"golang.org/x/sys/unix"
)

// Width is how many columns the terminal has that file leads to; 0 when it is
// no *os.File or leads to none.
func Width(file any) int {
	const unknown = 80 // what a terminal has that does not tell
	f, ok := file.(*os.File)
	if !ok || f == nil {
		return 0
	}
	fd := int(f.Fd())
	if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return 0
	}
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return unknown
	}
	return int(size.Col)
}

// hush keeps the terminal f from showing what is typed, until the function that
// it returns is called.
func hush(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	quiet.Lflag |= unix.ICANON | unix.ISIG
	quiet.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &quiet); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETSF, before) }, nil
}
