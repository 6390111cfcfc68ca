package decision

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	made := &authority{t: t}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}
	made.cert, made.key, made.pem, _ = made.sign(template)
	return made
}

func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, []byte, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-time.Hour)
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})
}

func (a *authority) leaf(notAfter time.Time) (cert, key []byte) {
	_, _, cert, key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "leaf"}, NotAfter: notAfter, DNSNames: []string{"mlsched.test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return cert, key
}

// serveTLS requires a client certificate of the same authority.
func serveTLS(t *testing.T, ca *authority, notAfter time.Time) *httptest.Server {
	t.Helper()
	cert, key := ca.leaf(notAfter)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	server := httptest.NewUnstartedServer(http.HandlerFunc(scoring))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func writeFiles(t *testing.T, folder string, ca *authority, notAfter time.Time) TLSFiles {
	t.Helper()
	cert, key := ca.leaf(notAfter)
	files := TLSFiles{
		CAFile: filepath.Join(folder, "ca.crt"), CertFile: filepath.Join(folder, "tls.crt"), KeyFile: filepath.Join(folder, "tls.key"),
	}
	for path, content := range map[string][]byte{files.CAFile: ca.pem, files.CertFile: cert, files.KeyFile: key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func clientWith(t *testing.T, url string, files TLSFiles) *Client {
	t.Helper()
	client, err := NewClient(Options{
		URLs: []string{url}, Timeout: 2 * time.Second, SlowCall: time.Second, ProbeInterval: 10 * time.Millisecond,
		TLS: files, Observer: newRecorder(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

var inAnHour = time.Now().Add(time.Hour)

func TestMutualTLSWorks(t *testing.T) {
	ca := newAuthority(t)
	client := clientWith(t, serveTLS(t, ca, inAnHour).URL, writeFiles(t, t.TempDir(), ca, inAnHour))
	if _, err := score(client); err != nil {
		t.Fatal(err)
	}
}

func TestAServerThatCannotBeTrustedIsNotAsked(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	longAgo := time.Now().Add(-time.Minute)
	wrongName := writeFiles(t, t.TempDir(), ca, inAnHour)
	wrongName.ServerName = "elsewhere.test"
	for name, client := range map[string]*Client{
		"expired server certificate": clientWith(t, serveTLS(t, ca, longAgo).URL, writeFiles(t, t.TempDir(), ca, inAnHour)),
		"expired client certificate": clientWith(t, serveTLS(t, ca, inAnHour).URL, writeFiles(t, t.TempDir(), ca, longAgo)),
		"unknown authority":          clientWith(t, serveTLS(t, ca, inAnHour).URL, writeFiles(t, t.TempDir(), other, inAnHour)),
		"another server name":        clientWith(t, serveTLS(t, ca, inAnHour).URL, wrongName),
		"no client certificate":      clientWith(t, serveTLS(t, ca, inAnHour).URL, TLSFiles{CAFile: wrongName.CAFile}),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := score(client); Reason(err) != "connection" {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestChangedCertificatesAreTakenUpWithoutRestart(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	folder := t.TempDir()
	client := clientWith(t, serveTLS(t, ca, inAnHour).URL, writeFiles(t, folder, other, inAnHour))
	run(t, client.Run)
	eventually(t, "the breaker is open", client.IsOpen)
	writeFiles(t, folder, ca, inAnHour)
	eventually(t, "the new certificates are in use", func() bool { return !client.IsOpen() })
	if _, err := score(client); err != nil {
		t.Fatal(err)
	}
}

func TestUnusableNewCertificatesLeaveTheOldOnesInUse(t *testing.T) {
	ca := newAuthority(t)
	folder := t.TempDir()
	client := clientWith(t, serveTLS(t, ca, inAnHour).URL, writeFiles(t, folder, ca, inAnHour))
	if err := os.WriteFile(filepath.Join(folder, "tls.crt"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.transport.reload(); err == nil {
		t.Fatal("a broken certificate was accepted")
	}
	if _, err := score(client); err != nil {
		t.Fatal(err)
	}
}

func TestWrongPathsStopTheStart(t *testing.T) {
	if _, err := NewClient(Options{TLS: TLSFiles{CAFile: "/nowhere/ca.crt"}, Observer: newRecorder()}); err == nil {
		t.Fatal("a missing CA file was accepted")
	}
}
