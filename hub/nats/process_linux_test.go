package nats_test

import "syscall"

// dieWithUs has a process killed when this one ends, however that comes about.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
