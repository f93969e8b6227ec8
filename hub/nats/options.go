package nats

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"
)

// Options say where NATS is and how it is to keep what is stored. The zero value
// is a server on this machine, and one copy on its disk.
type Options struct {
	// Servers are URLs such as nats://host:4222, tls://host:4222 or
	// ws://host:80. None: nats://127.0.0.1:4222.
	Servers []string

	// InProcess is a server in this process: see package embedded. Servers
	// are not used then.
	InProcess interface{ InProcessConn() (net.Conn, error) }

	// Who we are: a file of credentials, a file with the seed of an nkey, a
	// user with a password, or a token. Names and passwords in the URLs do
	// as well.
	CredentialsFile string
	NKeySeedFile    string
	User, Password  string
	Token           string

	// TLS has the server speak TLS, or not be used. nil: TLS with the system's
	// certificates, where the server asks for it or its URL says tls://.
	TLS *tls.Config

	// Prefix begins the names of all subjects and streams: 1 to 16 of a–z and
	// 0–9. Hubs with the same one are nodes of one. "": wye.
	Prefix string

	// Replicas is how many servers keep each message, 1, 3 or 5. 0: 1.
	Replicas int

	// Memory keeps what is stored in the servers' memory and not on their
	// disks. Reading the history of a channel that nobody has subscribed is
	// slow there when a stream is long.
	Memory bool

	// Buckets is how many streams a namespace with history has, which its
	// channels are spread over: 1 to 256. It cannot be changed later without
	// losing what is stored. 0: 16.
	Buckets int

	// StreamBytes bounds each stream; when it is full, publishing is refused
	// until messages have grown old. 0: the server's limits alone.
	StreamBytes int64

	// TailBytes bounds what a node remembers of the histories of channels
	// that it has subscribed, so that it need not read them. 0: 64 MiB.
	TailBytes int64

	// Wait is how long Open waits for a server and for its JetStream. 0: 30
	// seconds.
	Wait time.Duration

	// Timeout is how long a call waits for the servers' answer before it says
	// that the engine cannot be reached. 0: 3 seconds.
	Timeout time.Duration

	// Logger gets what nobody else is told. nil: [slog.Default].
	Logger *slog.Logger
}

// fill puts the defaults in and says what cannot be.
func (o *Options) fill() error {
	switch {
	case o.Prefix == "":
		o.Prefix = "wye"
	case len(o.Prefix) > 16 || strings.Trim(o.Prefix, "abcdefghijklmnopqrstuvwxyz0123456789") != "":
		return fmt.Errorf("hub/nats: prefix %q: want 1 to 16 of a–z and 0–9", o.Prefix)
	}
	switch o.Replicas {
	case 0:
		o.Replicas = 1
	case 1, 3, 5:
	default:
		return fmt.Errorf("hub/nats: %d replicas: want 1, 3 or 5", o.Replicas)
	}
	switch {
	case o.Buckets < 0 || o.Buckets > 256:
		return fmt.Errorf("hub/nats: %d buckets: want 1 to 256, or 0 for 16", o.Buckets)
	case o.StreamBytes < 0 || o.TailBytes < 0 || o.Wait < 0 || o.Timeout < 0:
		return errors.New("hub/nats: a negative bound")
	}
	ways := 0
	for _, set := range []bool{o.CredentialsFile != "", o.NKeySeedFile != "", o.User != "" || o.Password != "", o.Token != ""} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		return errors.New("hub/nats: want one of CredentialsFile, NKeySeedFile, User with Password, and Token")
	}
	if len(o.Servers) == 0 {
		o.Servers = []string{"nats://127.0.0.1:4222"}
	}
	orDefault(&o.Buckets, 16)
	orDefault(&o.TailBytes, 64<<20)
	orDefault(&o.Wait, 30*time.Second)
	orDefault(&o.Timeout, 3*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return nil
}

func orDefault[T int | int64 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}
