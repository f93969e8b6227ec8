package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/nats"
	"github.com/wye-org/wye/hub/nats/embedded"
)

// engineOptions are the flags of wye serve that say which engine the hub is on.
type engineOptions struct {
	engine   string
	nats     []string
	creds    string
	replicas int
	buckets  int

	cluster       bool
	data          string
	clusterListen string
	clusterRoutes []string
	clusterSecret string
}

func engineFlags(f *pflag.FlagSet, o *engineOptions) {
	f.StringVar(&o.engine, "engine", "", "what the hub is on: `memory`, for one server, or nats, for several that share its channels; memory unless given")
	f.StringSliceVar(&o.nats, "nats", nil, "`URLs` of NATS servers with JetStream, for --engine nats")
	f.StringVar(&o.creds, "nats-creds", "", "`file` of credentials for them")
	f.IntVar(&o.replicas, "nats-replicas", 0, "how many of them keep each message: 1, 3 or 5; 0 is 1, and with --cluster as many as there are, 3 at the most")
	f.IntVar(&o.buckets, "nats-buckets", 0, "how many streams the channels with history of a namespace are spread over; 0 is 16, and with --cluster 4; it stays as it was when they were made")
	f.BoolVar(&o.cluster, "cluster", false, "run a NATS server in this process, for a small cluster of wye servers, or with --data alone for one whose channels outlast it")
	f.StringVar(&o.data, "data", "", "`folder` of what is stored, for --cluster")
	f.StringVar(&o.clusterListen, "cluster-listen", "", "`address` where the others of the cluster connect")
	f.StringSliceVar(&o.clusterRoutes, "cluster-routes", nil, "`addresses` of these others; not all have to be named")
	f.StringVar(&o.clusterSecret, "cluster-secret-file", "", "`file` with what all of the cluster know, 32 bytes at least; without it they have to be on this machine")
}

// check finds flags that contradict each other.
func (o *engineOptions) check() error {
	onNATS := o.engine == "nats"
	switch {
	case o.engine != "" && o.engine != "memory" && !onNATS:
		return fmt.Errorf("--engine %s: want memory or nats", o.engine)
	case o.cluster && o.engine != "":
		return errors.New("--cluster brings its own engine: leave --engine out")
	case onNATS && len(o.nats) == 0:
		return errors.New("--engine nats needs to know where: add --nats nats://127.0.0.1:4222")
	case !onNATS && (len(o.nats) > 0 || o.creds != ""):
		return errors.New("--nats and --nats-creds are for --engine nats: add that")
	case !onNATS && !o.cluster && (o.replicas != 0 || o.buckets != 0):
		return errors.New("--nats-replicas and --nats-buckets are for --engine nats and --cluster: add one of them")
	case o.replicas != 0 && o.replicas != 1 && o.replicas != 3 && o.replicas != 5:
		return fmt.Errorf("--nats-replicas %d: want 1, 3 or 5", o.replicas)
	case o.cluster && o.data == "":
		return errors.New("--cluster needs a folder for what is stored: add --data")
	case !o.cluster && (o.data != "" || o.clusterListen != "" || len(o.clusterRoutes) > 0 || o.clusterSecret != ""):
		return errors.New("--data and --cluster-… are for --cluster: add that")
	case (o.clusterListen == "") != (len(o.clusterRoutes) == 0):
		return errors.New("a cluster of several needs both --cluster-listen and --cluster-routes")
	case o.clusterSecret != "" && o.clusterListen == "":
		return errors.New("--cluster-secret-file is for a cluster of several: add --cluster-listen and --cluster-routes")
	}
	return nil
}

// openedEngine is an engine, and the server in this process that it uses; both may be
// nil.
type openedEngine struct {
	hub.Engine
	server *embedded.Server
}

// openEngine returns the engine that the flags ask for; a nil one is memory's. The
// caller closes it after the hub. It waits for the servers until ctx ends.
func (o *engineOptions) open(ctx context.Context, node string, log *slog.Logger) (openedEngine, error) {
	if err := o.check(); err != nil {
		return openedEngine{}, &exitError{exitUsage, err}
	}
	switch {
	case o.cluster:
		return o.openCluster(ctx, node, log)
	case o.engine == "nats":
		if o.creds != "" {
			if _, err := os.Stat(o.creds); err != nil {
				return openedEngine{}, &exitError{exitUsage, fmt.Errorf("--nats-creds: %w", err)}
			}
		}
		engine, err := nats.New(nats.Options{Servers: o.nats, CredentialsFile: o.creds, Replicas: o.replicas, Buckets: o.buckets, Logger: log})
		if err != nil {
			return openedEngine{}, &exitError{exitUsage, fmt.Errorf("--nats: %w", err)}
		}
		return openedEngine{Engine: engine}, nil
	}
	return openedEngine{}, nil
}

// clusterBuckets are few: each is a group of servers that vote.
const clusterBuckets = 4

// clusterWithin is how long the first of a cluster waits for enough others.
const clusterWithin = 2 * time.Minute

func (o *engineOptions) openCluster(ctx context.Context, node string, log *slog.Logger) (openedEngine, error) {
	opts := embedded.Options{
		Dir: o.data, Name: strings.ReplaceAll(node, " ", "-"),
		SyncAlways: o.clusterListen == "", // nobody else has what is lost
		Logger:     log,
	}
	replicas := 1
	if o.clusterListen != "" {
		secret, err := o.secret()
		if err != nil {
			return openedEngine{}, &exitError{exitUsage, err}
		}
		opts.Cluster = &embedded.Cluster{Listen: o.clusterListen, Routes: o.clusterRoutes, Secret: secret}
		if len(o.clusterRoutes) >= 2 {
			replicas = 3
		}
	}
	if o.replicas != 0 {
		replicas = o.replicas
	}
	ctx, cancel := context.WithTimeout(ctx, clusterWithin)
	defer cancel()
	server, err := embedded.Start(ctx, opts)
	if err != nil {
		return openedEngine{}, &exitError{exitFail, fmt.Errorf("--cluster: %w", err)}
	}
	at := server.Options()
	at.Replicas, at.Buckets, at.Logger, at.Wait = replicas, cmp.Or(o.buckets, clusterBuckets), log, clusterWithin
	engine, err := nats.New(at)
	if err != nil {
		server.Shutdown(ctx)
		return openedEngine{}, &exitError{exitUsage, fmt.Errorf("--cluster: %w", err)}
	}
	return openedEngine{engine, server}, nil
}

func (o *engineOptions) secret() ([]byte, error) {
	if o.clusterSecret == "" {
		return nil, nil
	}
	secret, err := os.ReadFile(o.clusterSecret)
	if err != nil {
		return nil, fmt.Errorf("--cluster-secret-file: %w", err)
	}
	return bytes.TrimSpace(secret), nil
}

// close ends the server in this process, if there is one: it gives away what it leads,
// so that the others need not notice first.
func (e openedEngine) close(log *slog.Logger) {
	if e.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), forceAfter)
	defer cancel()
	if err := e.server.Shutdown(ctx); err != nil {
		log.Warn("the NATS server in this process did not end in good order", "err", err)
	}
}
