package target

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// TLS says whom to trust and who we are. The zero value trusts what the system
// trusts.
type TLS struct {
	CAFile     string   // PEM; trusted instead of the system's
	Insecure   bool     // trust any certificate, but for Pins
	Pins       []string // see [ParsePin]; one has to fit, whatever else is trusted
	Cert, Key  string   // PEM files; without Key it is in Cert too
	ServerName string   // instead of the URL's host
}

// Config reads the files. Its errors name the flags of wye connect.
func (t TLS) Config() (*tls.Config, error) {
	config := &tls.Config{ServerName: t.ServerName, InsecureSkipVerify: t.Insecure}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca-file %s has no certificate in PEM", t.CAFile)
		}
	}
	if t.Key != "" && t.Cert == "" {
		return nil, errors.New("--key needs the certificate too: add --cert")
	}
	if t.Cert != "" {
		key := t.Key
		if key == "" {
			key = t.Cert
		}
		cert, err := tls.LoadX509KeyPair(t.Cert, key)
		if err != nil {
			return nil, fmt.Errorf("--cert %s: %w", t.Cert, err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	var pins []Pin
	for _, s := range t.Pins {
		pin, err := ParsePin(s)
		if err != nil {
			return nil, fmt.Errorf("--pin-sha256: %w", err)
		}
		pins = append(pins, pin)
	}
	if len(pins) > 0 {
		// VerifyConnection is called for resumed sessions too.
		config.VerifyConnection = func(state tls.ConnectionState) error {
			return checkPins(pins, state)
		}
	}
	return config, nil
}

// Pin is the SHA-256 of a certificate or of its public key.
type Pin [sha256.Size]byte

// ParsePin reads a pin as other programs print it: in hexadecimal digits, with
// or without colons, or in base64, with or without sha256// before it.
func ParsePin(s string) (Pin, error) {
	var b []byte
	var err error
	if digits := strings.ReplaceAll(s, ":", ""); len(digits) == hex.EncodedLen(sha256.Size) {
		b, err = hex.DecodeString(digits)
	} else {
		b, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "sha256//"))
	}
	if err != nil || len(b) != sha256.Size {
		return Pin{}, fmt.Errorf("%q is no SHA-256: want 64 hexadecimal digits, or 44 characters of base64", s)
	}
	return Pin(b), nil
}

// String is the pin in hexadecimal digits.
func (p Pin) String() string { return hex.EncodeToString(p[:]) }

// PinOf is the pin of a certificate as a whole.
func PinOf(cert *x509.Certificate) Pin { return sha256.Sum256(cert.Raw) }

func checkPins(pins []Pin, state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server showed no certificate")
	}
	leaf := state.PeerCertificates[0]
	if slices.Contains(pins, PinOf(leaf)) || slices.Contains(pins, Pin(sha256.Sum256(leaf.RawSubjectPublicKeyInfo))) {
		return nil
	}
	return fmt.Errorf("the certificate is not one that --pin-sha256 names: its SHA-256 is %s", PinOf(leaf))
}
