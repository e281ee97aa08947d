package terminal

import "golang.org/x/sys/unix"

// setRaw has the terminal pass on what is typed as it is. What was typed before stays.
func (l *Loan) setRaw() error {
	t := l.before
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0 // with 0, a shell that comes back unprepared would read its end
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isOver() {
		return ErrOver
	}
	err := setTermios(l.in, &t)
	l.raw = err == nil
	l.turned.Broadcast()
	return err
}

// setCooked puts the terminal's mode back.
func (l *Loan) setCooked() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.raw = false
	return setTermios(l.in, &l.before)
}

func setTermios(fd int, t *unix.Termios) error {
	for {
		if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != unix.EINTR {
			return err
		}
	}
}
