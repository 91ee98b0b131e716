package closed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// ErrClosed is what every use of Go's default HTTP client and name resolver answers with.
var ErrClosed = errors.New("this program uses no network")

// refusing is an http.RoundTripper that never leaves the process.
type refusing struct{}

func (refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body.Close()
	}
	return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Redacted(), ErrClosed)
}

// closeHTTP replaces the process-wide defaults of net/http and net.
func closeHTTP() {
	http.DefaultTransport = refusing{}
	http.DefaultClient = &http.Client{Transport: refusing{}}
	net.DefaultResolver = &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, ErrClosed
		},
	}
}

// tryHTTP uses the default client the way a library would.
func tryHTTP() error {
	resp, err := http.Get("http://127.0.0.1/")
	if err == nil {
		resp.Body.Close()
		return nil
	}
	return err
}
