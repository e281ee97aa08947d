// Package systemd tells the service manager how the daemon is, when it was
// started by one: by the socket in NOTIFY_SOCKET, as sd_notify(3) has it. Without
// one its functions do nothing.
package systemd

import (
	"fmt"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// notify is best effort: a manager that does not listen is no reason to stop.
func notify(state string) { daemon.SdNotify(false, state) }

// Ready says that clients can connect, and what status shows.
func Ready(status string) { notify(daemon.SdNotifyReady + "\nSTATUS=" + status) }

// Stopping says that the daemon ends.
func Stopping() { notify(daemon.SdNotifyStopping) }

// Reloading says that the daemon reads its configuration again, and returns what
// says that it has.
func Reloading() (done func()) {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) == nil {
		notify(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/1000))
	}
	return func() { notify(daemon.SdNotifyReady) }
}

// Watchdog feeds the service manager's watchdog.
type Watchdog struct {
	stop chan struct{}
	gone sync.WaitGroup
}

// Watch feeds the watchdog, if there is one, twice in its time, each time after
// alive has returned: a daemon in which that blocks is restarted. The caller stops
// it.
func Watch(alive func()) *Watchdog {
	w := &Watchdog{stop: make(chan struct{})}
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return w
	}
	w.gone.Go(func() { w.feed(interval/2, alive) })
	return w
}

func (w *Watchdog) feed(every time.Duration, alive func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			alive()
			notify(daemon.SdNotifyWatchdog)
		case <-w.stop:
			return
		}
	}
}

// Stop ends the feeding, and returns when it has. It is called once.
func (w *Watchdog) Stop() {
	close(w.stop)
	w.gone.Wait()
}
