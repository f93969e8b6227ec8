package embedded

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// What is made of a cluster's secret: the key of an authority that signs the
// servers' certificates, each of which has a key of its own.

// authority is the key that who knows the secret has.
func authority(secret []byte) (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, secret, nil, "wye hub cluster authority", ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("embedded: the cluster's secret: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// certificateFor is how long a certificate is valid: servers make one each time
// they start.
const certificateFor = 20 * 365 * 24 * time.Hour

// transport is TLS between servers that know the secret. Certificates name no host:
// what they prove is that their owner knows it.
func transport(secret []byte) (*tls.Config, error) {
	ca, err := authority(secret)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "wye hub cluster"},
		NotBefore:             now.Add(-24 * time.Hour),
		NotAfter:              now.Add(certificateFor),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, ca.Public(), ca)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "wye hub server"},
		NotBefore:    template.NotBefore,
		NotAfter:     template.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err = x509.CreateCertificate(rand.Reader, leaf, root, public, ca)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		ClientAuth:         tls.RequireAnyClientCert,
		InsecureSkipVerify: true, // of the host's name alone: VerifyConnection does the rest
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errors.New("embedded: no certificate")
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{
				Roots:     roots,
				KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
			})
			if err != nil {
				return errors.New("embedded: the other server does not know the cluster's secret")
			}
			return nil
		},
	}, nil
}
