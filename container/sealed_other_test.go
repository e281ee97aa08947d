//go:build !linux

package container

const sealedMemory = false
