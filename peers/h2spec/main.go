// Command h2spec runs the conformance suite github.com/summerwind/h2spec against
// a server that speaks HTTP/2 without TLS:
//
//	go run ./h2spec 127.0.0.1:8080
//
// It prints each case, and exits with 1 if one failed. It is a process of its own
// because the suite ends the process on some errors.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/summerwind/h2spec"
	"github.com/summerwind/h2spec/config"
)

func main() {
	ok, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "h2spec:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(args []string) (ok bool, err error) {
	if len(args) != 1 {
		return false, fmt.Errorf("want an address, such as 127.0.0.1:8080")
	}
	host, port, err := net.SplitHostPort(args[0])
	if err != nil {
		return false, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return false, err
	}
	return h2spec.Run(&config.Config{Host: host, Port: n, Path: "/a", Timeout: 2 * time.Second, MaxHeaderLen: 4000})
}
