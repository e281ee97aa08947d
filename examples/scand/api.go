package main

import (
	"time"

	"github.com/outwork-go/outwork/examples/scand/core"
	"github.com/outwork-go/outwork/service"
)

// scan is the service: its one function has its name, and so needs no word of its own behind
// the command.
var scan = service.Service{
	Name: "scan",
	Doc:  "Tell what a file is. It is read by a process that can do nothing else, as hostile as it may be.",
	API: []service.Export{
		{
			Function: core.Scan, Allow: service.Anyone(), Mutates: true, // so that it is recorded
			Doc: "Tell what a file is: a PE or an ELF, with its structure, or something else.",
		},
	},
	Start:  core.Start,
	Limits: service.Limits{CallsPerUser: 2, CallTime: time.Minute}, // each holds a copy of a file, and a process
	Needs:  service.Needs{Sandboxes: true},
}
