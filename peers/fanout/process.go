package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/wye-org/wye/peers/internal/load"
)

// A process is a server that runs, and does what it is asked.
type process struct{ *load.Process }

// start runs this program as a server.
func start(ctx context.Context, impl string) (process, error) {
	self, err := os.Executable()
	if err != nil {
		return process{}, err
	}
	p, err := load.Start(ctx, []string{self, "-serve", impl})
	return process{p}, err
}

// ask asks the server for something, whose answer is a number.
func (p process) ask(path string) (int, error) {
	resp, err := http.Get("http://" + p.Addr + path)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s: %s", path, resp.Status, b)
	}
	return strconv.Atoi(string(b))
}

// memory is what the server uses, when it has given back what it does not: the
// resident memory, or in process, where there are no sockets, heap and stacks.
func (p process) memory(resident bool) (int64, error) {
	heap := 0
	for range 2 {
		var err error
		if heap, err = p.ask("/free"); err != nil {
			return 0, err
		}
		time.Sleep(150 * time.Millisecond)
	}
	if resident {
		return p.Memory()
	}
	return int64(heap), nil
}
