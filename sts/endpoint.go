package sts

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
)

// DefaultRegion is where calls go when neither fob's config nor the AWS config
// names a region.
const DefaultRegion = "us-east-1"

// An Endpoint is where calls go.
type Endpoint struct {
	// URL is an endpoint written in fob's own config, for all services; "" for
	// AWS's own HTTPS endpoints of the region.
	URL string
	// Region is the region whose endpoint is called and that signatures name;
	// "" for [DefaultRegion].
	Region string
}

// Name identifies the endpoint in keys and messages: the URL, or the partition
// that the region belongs to. Sessions, MFA devices and accounts of one
// partition are the same in all its regions.
func (e Endpoint) Name() string {
	if e.URL != "" {
		return e.URL
	}
	return PartitionOf(e.Region)
}

// An EndpointError says why nothing is ever sent to an endpoint.
type EndpointError struct {
	// Endpoint is the URL or the region that is wrong, without a password that
	// may be in it.
	Endpoint string
	// Reason is the end of the sentence "the endpoint … ".
	Reason string
}

func (e *EndpointError) Error() string {
	return fmt.Sprintf("endpoint %q %s", e.Endpoint, e.Reason)
}

// A region becomes part of a host's name, so it must be one label of it
// (RFC 1123, 2.1).
var regionLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Validate reports, as an *EndpointError, why a code must not go to the
// endpoint: anything but https, except plain http to this machine.
func (e Endpoint) Validate() error {
	if e.Region != "" && !regionLabel.MatchString(e.Region) {
		return &EndpointError{e.Region, "isn't a region's name"}
	}
	if e.URL == "" {
		return nil
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		return &EndpointError{"endpoint_url", "isn't a URL"} // the text may hold a password
	}
	shown := u.Redacted()
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return &EndpointError{shown, "must begin with https://, or with http:// for this machine"}
	case u.Hostname() == "" || u.Opaque != "":
		return &EndpointError{shown, "names no host"}
	case u.User != nil:
		return &EndpointError{shown, "must not carry a user or password"}
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return &EndpointError{shown, "must not carry a query or fragment"}
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return &EndpointError{shown, "would carry the code in plain text: https is needed for any host but this one"}
	}
	return nil
}

// loopback reports whether host means this machine: an address of 127.0.0.0/8
// or ::1, or the name that RFC 6761, 6.3 keeps for them.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
