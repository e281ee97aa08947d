package main

import (
	"context"
	"errors"

	"github.com/outwork-go/outwork"
)

// outworkMain serves, and never returns, in a worker.
func outworkMain() { outwork.Main() }

func outworkPeers() []peer {
	return []peer{
		outworkPeer(outworkRow, echoes|concurrently, newOutworkCaller),
		outworkPeer(outworkTypedRow, streams, newOutworkTyped),
		outworkPeer(outworkReaderRow, streams, newOutworkReader),
	}
}

func outworkProbes(table string) []probe {
	return map[string][]probe{
		"start":   {selfStarter(outworkRow, smallProgram)},
		"command": commandProbes(),
		"search":  {{name: "outwork search", run: searchOutwork}},
		"paged":   {{name: "outwork paged", run: pagedOutwork}},
		"log":     {{name: outworkRow, run: logOutwork}},
		"memory": {
			keeper(outworkRow, smallProgram, fewWorkers),
			keeper(outworkRow, smallProgram, manyWorkers),
		},
		"share":   {{name: "outwork share", run: shareOutwork, limit: shareLimit}},
		"service": serviceProbes(),
		"sudo":    {generatedProbe(generatedRow, servedProgram), generatedProbe(staticRow, staticProgram)},
		"clients": {clientsProbe()},
		"flood":   floodProbes(),
	}[table]
}

func outworkPrograms(table string) []program {
	return map[string][]program{
		"start":   {smallProgram},
		"memory":  {smallProgram},
		"command": {commandProgram},
		"service": {servedProgram},
		"sudo":    {servedProgram, staticProgram},
		"clients": {servedProgram},
		"flood":   {servedProgram},
	}[table]
}

// outworker is a manager with one worker.
type outworker struct {
	manager *outwork.Manager
	worker  *outwork.Worker
}

func startOutworker(m *outwork.Manager) (*outworker, error) {
	w, err := m.Start(context.Background(), outwork.Target{})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &outworker{manager: m, worker: w}, nil
}

func (o *outworker) close() error { return o.manager.Close() }
