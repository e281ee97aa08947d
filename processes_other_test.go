//go:build !linux

package outwork_test

const processes = false
