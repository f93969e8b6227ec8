package nats_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/wye-org/wye/hub/nats"
	"github.com/wye-org/wye/hub/nats/natstest"
)

// natsServer is the server's program, built from its module.
var natsServer = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programs, "nats-server")
	out, err := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building nats-server: %w\n%s", err, out)
	}
	return path, nil
})

// processes are nats-server processes, of which signals may be sent to each.
type processes struct {
	t     testing.TB
	urls  []string
	dirs  []string
	route []string
	cmds  []*exec.Cmd
}

// startProcesses starts a cluster of n that ends with the test.
func startProcesses(t testing.TB, n int) *processes {
	p := &processes{t: t, cmds: make([]*exec.Cmd, n)}
	t.Cleanup(func() {
		for i := range p.cmds {
			p.kill(i)
		}
	})
	for try := 0; ; try++ {
		ports := natstest.FreePorts(t, 2*n)
		p.urls, p.dirs, p.route = nil, nil, ports[n:]
		for i := range n {
			p.urls = append(p.urls, "nats://"+ports[i])
			p.dirs = append(p.dirs, t.TempDir())
		}
		for i := range n {
			p.start(i)
		}
		if p.leader(30*time.Second) == nil {
			return p
		}
		if try == 2 {
			t.Fatal("no cluster comes about")
		}
		for i := range n {
			p.kill(i)
		}
	}
}

func (p *processes) start(i int) {
	path, err := natsServer()
	if err != nil {
		p.t.Fatal(err)
	}
	var routes []string
	for _, r := range p.route {
		routes = append(routes, "nats://"+r)
	}
	host, port, _ := strings.Cut(strings.TrimPrefix(p.urls[i], "nats://"), ":")
	cmd := exec.Command(path, "-n", fmt.Sprint("n", i), "-a", host, "-p", port, "-js", "-sd", p.dirs[i],
		"-cluster_name", "hub", "-cluster", "nats://"+p.route[i], "-routes", strings.Join(routes, ","))
	cmd.SysProcAttr = dieWithUs()
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.cmds[i] = cmd
}

// kill ends a process as the system does.
func (p *processes) kill(i int) {
	if cmd := p.cmds[i]; cmd != nil {
		p.cmds[i] = nil
		cmd.Process.Kill()
		cmd.Wait()
	}
}

func (p *processes) signal(i int, s syscall.Signal) {
	if err := p.cmds[i].Process.Signal(s); err != nil {
		p.t.Error(err)
	}
}

// connect is a client of any server that answers.
func (p *processes) connect() (*natsgo.Conn, jetstream.JetStream, error) {
	nc, err := natsgo.Connect(strings.Join(p.urls, ","), natsgo.Timeout(time.Second))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc)
	return nc, js, err
}

// leader waits until JetStream has one.
func (p *processes) leader(wait time.Duration) (err error) {
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var nc *natsgo.Conn
		var js jetstream.JetStream
		if nc, js, err = p.connect(); err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err = js.AccountInfo(ctx)
		cancel()
		nc.Close()
		if err == nil {
			return nil
		}
	}
	return err
}

// leads is the server that leads a stream, once there is one.
func (p *processes) leads(stream string) int {
	for range 200 {
		if info, err := p.info(stream); err == nil && info.Cluster != nil && info.Cluster.Leader != "" {
			var i int
			if _, err := fmt.Sscanf(info.Cluster.Leader, "n%d", &i); err == nil {
				return i
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("the stream %s has no leader", stream)
	return 0
}

func (p *processes) info(stream string) (*jetstream.StreamInfo, error) {
	nc, js, err := p.connect()
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	return s.CachedInfo(), nil
}

// current waits until every server has all of a stream.
func (p *processes) current(stream string) {
	for range 600 {
		info, err := p.info(stream)
		if err == nil && info.Cluster != nil && info.Cluster.Leader != "" {
			behind := len(p.urls) - 1 - len(info.Cluster.Replicas)
			for _, r := range info.Cluster.Replicas {
				if !r.Current || r.Offline {
					behind++
				}
			}
			if behind == 0 {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Errorf("the stream %s is not on every server again", stream)
}

// engine is one that connects to the i-th server first.
func (p *processes) engine(i int) *nats.Engine {
	urls := append(append([]string(nil), p.urls[i:]...), p.urls[:i]...)
	e, err := nats.New(nats.Options{Servers: urls, Replicas: len(p.urls), Buckets: 2, Logger: quiet, Wait: time.Minute})
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

// dieWithUs has a process killed when this one ends, however that comes about.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
