// Command client drives one of the libraries that wye is compared with through
// the cases that `wye conform --listen` offers, as a client that echoes.
//
//	go run ./client -impl gorilla -url ws://127.0.0.1:9001 -deflate nct
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxMessage is every client's limit, in bytes.
const maxMessage = 96 << 20

// A connection is opened, read and written by one library.
type dialer func(ctx context.Context, url, deflate string) (connection, error)

// connection is what a driver needs of a library's own.
type connection interface {
	read(ctx context.Context) (typ int, p []byte, err error)
	write(ctx context.Context, typ int, p []byte) error
	close()
}

var impls = map[string]dialer{
	"gorilla":  dialGorilla,
	"coder":    dialCoder,
	"gobwas":   dialGobwas,
	"gws":      dialGWS,
	"wye-conn": dialWye,
}

func main() {
	impl := flag.String("impl", "", "the library: "+strings.Join(slices.Sorted(maps.Keys(impls)), ", "))
	base := flag.String("url", "ws://127.0.0.1:9001", "where the suite waits")
	deflate := flag.String("deflate", "none", "none, nct (no context takeover) or ct")
	flag.Parse()
	dial, ok := impls[*impl]
	if !ok || !slices.Contains([]string{"none", "nct", "ct"}, *deflate) {
		flag.Usage()
		os.Exit(2)
	}
	if err := drive(dial, *impl, *base, *deflate); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

// drive runs every case and asks for the report.
func drive(dial dialer, agent, base, deflate string) error {
	query := "agent=" + url.QueryEscape(agent)
	count, err := ask(dial, base+"/getCaseCount")
	if err != nil {
		return fmt.Errorf("cannot ask for the number of cases: %w", err)
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		return fmt.Errorf("the number of cases is %q", count)
	}
	for i := 1; i <= n; i++ {
		// That a case ends in an error is the purpose of most.
		_ = echo(dial, fmt.Sprintf("%s/runCase?case=%d&%s", base, i, query), deflate)
	}
	_, err = ask(dial, base+"/updateReports?"+query)
	return err
}

func ask(dial dialer, url string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := dial(ctx, url, "none")
	if err != nil {
		return "", err
	}
	defer c.close()
	_, p, err := c.read(ctx)
	if strings.Contains(url, "/updateReports") {
		return "", nil // it ends without a message
	}
	return string(p), err
}

func echo(dial dialer, url, deflate string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 70*time.Second)
	defer cancel()
	c, err := dial(ctx, url, deflate)
	if err != nil {
		return err
	}
	defer c.close()
	for {
		typ, p, err := c.read(ctx)
		if err != nil {
			return err
		}
		if err := c.write(ctx, typ, p); err != nil {
			return err
		}
	}
}
