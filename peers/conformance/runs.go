package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/wye-org/wye/conform"
)

// testServer starts the peer's server, tests it and ends it.
func testServer(ctx context.Context, p peer, bin, mode string, cases []*conform.Case) ([]conform.Result, error) {
	cmd := p.server(bin, mode)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer end(cmd)
	lines := bufio.NewReader(stderr)
	first, err := lines.ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(first), "listening on http://")
	if err != nil || !ok {
		return nil, fmt.Errorf("it began with %q", first)
	}
	go io.Copy(io.Discard, lines) // ends with the process
	run := conform.ServerRun{URL: "ws://" + address + "/echo", Cases: cases, Parallel: 2}
	return run.Run(ctx)
}

// clientStalls is how long a client may go without a verdict before it is
// taken for dead: more than the longest case.
const clientStalls = 80 * time.Second

// testClient waits for the peer's client, which runs every case. One that dies
// on the way has what it did counted; the table says how far it came.
func testClient(ctx context.Context, p peer, bin, mode string, cases []*conform.Case) ([]conform.Result, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alive := make(chan struct{}, 1)
	run := conform.ClientRun{Cases: cases, Report: func(conform.Result) {
		select {
		case alive <- struct{}{}:
		default:
		}
	}}
	served := make(chan error, 1)
	go func() { served <- run.Serve(ctx, ln) }() // ended and awaited below
	cmd := p.client(bin, "ws://"+ln.Addr().String(), mode)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	exit := make(chan error, 1)
	go func() { exit <- cmd.Wait() }() // ends with the process, which ends below
	stalled := time.NewTimer(clientStalls)
	defer stalled.Stop()
wait:
	for {
		select {
		case <-alive:
			stalled.Reset(clientStalls)
		case <-exit:
			break wait
		case <-stalled.C:
			_ = cmd.Process.Kill()
			<-exit
			break wait
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			<-exit
			return nil, ctx.Err()
		}
	}
	cancel()
	if err := <-served; err != nil {
		return nil, err
	}
	results := run.Results()
	if len(results) == 0 {
		return nil, errors.New("the client ran no case")
	}
	return results, nil
}

// end ends a server that we started.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed: its exit code says nothing
}
