package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

// checkTLS finds flags that contradict each other.
func checkTLS(o serveOptions) error {
	switch {
	case o.tlsSelfSigned && o.tlsCert+o.tlsKey != "":
		return errors.New("--tls-self-signed makes a certificate of its own: leave out --tls-cert and --tls-key, or it")
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return errors.New("--tls-cert and --tls-key go together: the certificate, and its private key")
	}
	return nil
}

// newTLS returns what TLS is spoken with, nil for none, and the SHA-256 of a
// certificate that no authority vouches for, so that a client can pin it.
func newTLS(o serveOptions, addr net.Addr) (config *tls.Config, sum string, err error) {
	var cert tls.Certificate
	switch {
	case o.tlsSelfSigned:
		if cert, err = selfSigned(certNames(o, addr), time.Now()); err != nil {
			return nil, "", fmt.Errorf("--tls-self-signed: %w", err)
		}
		sum = sumOf(cert)
	case o.tlsCert != "":
		if cert, err = tls.LoadX509KeyPair(o.tlsCert, o.tlsKey); err != nil {
			return nil, "", fmt.Errorf("--tls-cert %s, --tls-key %s: %w", o.tlsCert, o.tlsKey, err)
		}
	default:
		return nil, "", nil
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}, sum, nil
}

// sumOf is the SHA-256 of a certificate, in hexadecimal digits.
func sumOf(cert tls.Certificate) string {
	return fmt.Sprintf("%x", sha256.Sum256(cert.Certificate[0]))
}

// certNames are what the server is reached by, as far as it knows.
func certNames(o serveOptions, addr net.Addr) []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if tcp, ok := addr.(*net.TCPAddr); ok && !tcp.IP.IsUnspecified() {
		names = append(names, tcp.IP.String())
	}
	for _, host := range o.hosts {
		name, port, err := net.SplitHostPort(host)
		if err != nil || port == "" {
			name = strings.Trim(host, "[]")
		}
		// A certificate's `*` is one label too, but only the first.
		if !strings.Contains(strings.TrimPrefix(name, "*."), "*") && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// selfSigned makes a certificate that lives no longer than the process.
func selfSigned(names []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "wye serve"},
		NotBefore:             now.Add(-time.Hour), // clocks differ
		NotAfter:              now.AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
