package connect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/wye-org/wye/cmd/wye/connect/show"
)

// interactive reports whether a person is at both ends of the conversation.
func interactive(o *Options, std Stdio) bool {
	return !o.JSON && len(o.Tokens) == 0 && isTerminal(std.In) && isTerminal(std.Out)
}

// runTerminal is Run for a person: with a line to edit that stays below what
// comes, a history, and commands.
func runTerminal(ctx context.Context, o *Options, std Stdio) error {
	in, out := std.In.(*os.File), std.Out.(*os.File)
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fail(ExitLocal, err, "cannot edit lines on this terminal: %v", err)
	}
	defer func() {
		io.WriteString(out, "\r\x1b[K") // the line that was being edited
		term.Restore(int(in.Fd()), state)
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	keys := &keyboard{in: in, out: out, interrupt: func() { cancel(&Interrupted{ExitInterrupt}) }}
	keys.terminal = term.NewTerminal(keys, "> ")

	d := &plain{
		out: keys.terminal, encoding: o.Encoding, chatty: true, prefix: "< ",
		screen: new(show.Writer), log: &log{err: keys.terminal, secrets: o.ShowSecrets},
	}
	if !isTerminal(std.Err) {
		d.log.err = std.Err
	}
	mine := *o
	mine.Wait = 0 // whoever types Ctrl-D has seen what came
	input := newInput(typed(keys.terminal, o.Encoding, d))
	defer input.stop(nil) // a read of the terminal ends with the process
	return run(ctx, &mine, input, d)
}

// typed is the source of what a person types.
func typed(t *term.Terminal, e Encoding, d *plain) source {
	return func() (request, error) {
		for {
			line, err := t.ReadLine()
			if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
				return request{}, err
			}
			if line == "" {
				continue
			}
			r, err := parseLine(line, e)
			switch {
			case err == nil:
				return r, nil
			case errors.Is(err, errHelp):
				d.help()
			default:
				d.note("%v", err)
			}
		}
	}
}

func (d *plain) help() {
	d.mu.Lock()
	defer d.mu.Unlock()
	io.WriteString(d.log.err, commandHelp+"\n")
}

// keyboard is the terminal's two ends for the line editor, which takes Ctrl-C
// for the end of the input.
type keyboard struct {
	in, out   *os.File
	terminal  *term.Terminal
	interrupt func()
}

func (k *keyboard) Read(p []byte) (int, error) {
	n, err := k.in.Read(p)
	// The window may have another size by now.
	if width, height, err := term.GetSize(int(k.out.Fd())); err == nil && width > 0 && height > 0 {
		k.terminal.SetSize(width, height)
	}
	if bytes.IndexByte(p[:n], 3) >= 0 {
		k.interrupt()
	}
	return n, err
}

func (k *keyboard) Write(p []byte) (int, error) { return k.out.Write(p) }
