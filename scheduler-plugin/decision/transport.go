package decision

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// TLSFiles names PEM files; all empty for the system's roots and no client certificate.
type TLSFiles struct {
	CAFile     string
	CertFile   string
	KeyFile    string
	ServerName string
}

// transport is an HTTP client that is replaced when its certificate files change.
type transport struct {
	files   TLSFiles
	stamp   string
	current atomic.Pointer[http.Client]
}

func newTransport(files TLSFiles) (*transport, error) {
	made := &transport{files: files}
	_, err := made.reload()
	return made, err
}

func (t *transport) client() *http.Client { return t.current.Load() }

// reload reads the files again if one has changed. After an error the old certificates stay in use.
func (t *transport) reload() (bool, error) {
	stamp := t.files.stampOf()
	if stamp == t.stamp && t.current.Load() != nil {
		return false, nil
	}
	config, err := t.files.load()
	if err != nil {
		return false, err
	}
	t.stamp = stamp
	fresh := &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:     config,
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     90 * time.Second,
			// Answers are small and near: compression would only cost time.
			DisableCompression: true,
		},
		// A decision service never redirects; whoever does is not it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") },
	}
	if old := t.current.Swap(fresh); old != nil {
		old.CloseIdleConnections()
	}
	return true, nil
}

func (f TLSFiles) stampOf() string {
	stamp := ""
	for _, path := range []string{f.CAFile, f.CertFile, f.KeyFile} {
		if info, err := os.Stat(path); err == nil {
			stamp += fmt.Sprint(info.ModTime().UnixNano(), ":", info.Size(), ";")
		}
	}
	return stamp
}

func (f TLSFiles) load() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.ServerName}
	if f.CAFile != "" {
		pem, err := os.ReadFile(f.CAFile)
		if err != nil {
			return nil, fmt.Errorf("cannot read tls.caFile: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.caFile %s holds no PEM certificate", f.CAFile)
		}
	}
	if f.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(f.CertFile, f.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cannot use tls.certFile %s with tls.keyFile %s: %w", f.CertFile, f.KeyFile, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
