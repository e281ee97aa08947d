package main

import (
	"github.com/outwork-go/outwork/examples/hello-service/core"
	"github.com/outwork-go/outwork/service"
)

// hello is the service: its one function has its name, and so needs no word of
// its own behind the command.
var hello = service.Service{
	Name: "hello",
	Doc:  "Greet from a daemon.",
	API: []service.Export{
		{Function: core.Hello, Doc: "Greet somebody.", Allow: service.Anyone()},
	},
}
