package transport

import "syscall"

// TCPConn is what NewTCP needs of a *net.TCPConn: this package must not link package net.
type TCPConn interface {
	syscall.Conn
	SetNoDelay(on bool) error
	Close() error
}
