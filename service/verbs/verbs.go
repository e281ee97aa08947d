// Package verbs is the part of the command outwork that asks services. Its
// parts are internal to the services' side of this module, where cmd/outwork
// cannot reach; programs have their own command made by package service, and no
// use for this one.
package verbs

import (
	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/service/internal/command/asking"
)

// Commands are the verbs call and describe, made anew. An error of theirs has a
// method ExitStatus() int, and a text that is one sentence.
func Commands() []*cobra.Command { return asking.Verbs() }
