// Command wye serves, connects to and tests upgraded HTTP connections.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// stdio is what a command reads and writes, so that tests can stand in.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// exitError carries the exit code of a failed command; its text, if any, was
// not printed yet.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// Exit codes that every command shares; a command's own codes stand beside it.
const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, std stdio) int {
	root := newRoot(std)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		// cobra's own errors are about flags, arguments and command names.
		exit = &exitError{exitUsage, err}
	}
	if exit.err != nil {
		fmt.Fprintln(std.err, "wye:", exit.err)
	}
	return exit.code
}

func newRoot(std stdio) *cobra.Command {
	root := &cobra.Command{
		Use:           "wye",
		Short:         "Serve, connect to and test upgraded HTTP connections",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.AddCommand(newServe(std), newConnect(std), newVersion(std), newConform(std), newPublish(std), newSubscribe(std))
	return root
}

// signals is the context of a command that a signal ends.
func signals(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}
