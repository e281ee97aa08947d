package confine

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// become takes the id, which is that of a group too, leaves all groups, and gives up all
// capabilities, for good: no new privileges has been set. id 0 keeps the ids that there are. With
// reach, a thread that was root keeps one until it executes a program, which takes it away: that to
// execute this program, which may be in a file of root's alone, as an agent's is.
func (c caller) become(id int, reach bool) error {
	if !c.all {
		if err := c.bound(); err != nil {
			return fmt.Errorf("bound the capabilities: %w", err)
		}
	}
	if reach = reach && id != 0 && !c.all; reach {
		if err := c.call(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("keep the capability to start this program: %w", err)
		}
	}
	if id != 0 {
		n := uintptr(id)
		for _, step := range []struct {
			call uintptr
			args []uintptr
		}{
			{unix.SYS_SETGROUPS, []uintptr{0, 0}},
			{unix.SYS_SETRESGID, []uintptr{n, n, n}},
			{unix.SYS_SETRESUID, []uintptr{n, n, n}},
		} {
			if err := c.call(step.call, step.args...); err != nil {
				return fmt.Errorf("become user %d: %w", id, err)
			}
		}
	}
	if has, err := capabilities(); err == nil && has == [2]unix.CapUserData{} {
		return nil // they went with the id
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var left [2]unix.CapUserData
	if reach {
		left[0].Permitted, left[0].Effective = 1<<unix.CAP_DAC_OVERRIDE, 1<<unix.CAP_DAC_OVERRIDE
	}
	if err := c.call(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&left[0]))); err != nil {
		return fmt.Errorf("give up all capabilities: %w", err)
	}
	return nil
}

// capabilities are those of this thread.
func capabilities() (has [2]unix.CapUserData, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	err = unix.Capget(&header, &has[0])
	return has, err
}

// lastCapability is one past the highest that there could be.
const lastCapability = 64

// bound empties the bounding set, where this thread may. It is 41 calls: on all threads they
// would take longer than all else, and with no new privileges nothing is gained from the set.
func (c caller) bound() error {
	has, err := capabilities()
	if err != nil || has[0].Effective&(1<<unix.CAP_SETPCAP) == 0 {
		return err
	}
	for n := range uintptr(lastCapability) {
		if v, err := c.ask(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, n, 0, 0, 0); err != nil {
			break
		} else if v == 0 {
			continue
		}
		if err := c.call(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, n, 0, 0, 0); isErrno(err, unix.EPERM) {
			return nil // AppArmor: with no new privileges nothing is gained from the set
		} else if err != nil {
			return err
		}
	}
	return nil
}
