//go:build !linux

package terminal

import (
	"errors"
	"fmt"
	"os"
)

// Loan is a terminal while it is lent.
type Loan struct{}

// Lend lends a terminal, on Linux.
func Lend(in, out *os.File, o Options) (*Loan, error) {
	return nil, fmt.Errorf("lend the terminal: %w here: it needs Linux", errors.ErrUnsupported)
}

// Sizes tell the terminal's size.
func (l *Loan) Sizes() <-chan Size { return nil }

// Over is closed when the loan has ended.
func (l *Loan) Over() <-chan struct{} { return nil }

// Err is why the loan ended before Close.
func (l *Loan) Err() error { return nil }

// Close takes the terminal back.
func (l *Loan) Close() error { return nil }

// Read reads what is typed.
func (l *Loan) Read([]byte) (int, error) { return 0, ErrOver }

// Write shows what the borrower draws.
func (l *Loan) Write([]byte) (int, error) { return 0, ErrOver }

// Stop stops this process's group.
func Stop() {}
