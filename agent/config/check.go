package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/fob-auth/fob/agent/api"
)

// absolute takes a path that means the same from everywhere.
func absolute(s string) error {
	if !filepath.IsAbs(s) {
		return errors.New("has to be an absolute path")
	}
	return nil
}

// pattern takes an absolute path, in which a star stands for anything but a
// slash (path/filepath.Match), and /** at the end for everything below.
func pattern(s string) error {
	if !filepath.IsAbs(s) {
		return errors.New("has to be an absolute path, or a pattern of one")
	}
	if _, err := filepath.Match(s, "/"); err != nil {
		return errors.New("isn't a pattern: a [ is not closed, or a backslash ends it")
	}
	return nil
}

// name takes the name of a profile or a credential.
func name(s string) error {
	if len(s) > api.MaxName {
		return fmt.Errorf("has %d bytes, and %d are the most", len(s), api.MaxName)
	}
	if strings.TrimSpace(s) != s {
		return errors.New("begins or ends with a blank")
	}
	return nil
}

// matches returns a check for a whole pattern.
func matches(pattern, want string) func(string) error {
	re := regexp.MustCompile(`\A(?:` + pattern + `)\z`)
	return func(s string) error {
		if !re.MatchString(s) {
			return errors.New("has to be " + want)
		}
		return nil
	}
}

// mfaSerial takes what AWS takes (AWS STS API reference, SerialNumber of
// GetSessionToken).
func mfaSerial(s string) error {
	return matches(`[\w+=/:,.@-]{9,256}`, "the serial of a hardware fob, or the ARN of an MFA device")(s)
}

// roleARN takes the ARN of a role (IAM User Guide, "IAM ARNs").
func roleARN(s string) error {
	return matches(`arn:aws[a-z-]*:iam::[0-9]{12}:role/[\x21-\x7e]{1,575}`, "the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME")(s)
}

// roleSessionName takes what AWS takes (AWS STS API reference, RoleSessionName
// of AssumeRole).
func roleSessionName(s string) error {
	return matches(`[\w+=,.@-]{2,64}`, "2 to 64 letters, digits or any of _+=,.@-")(s)
}

// externalID takes what AWS takes (AWS STS API reference, ExternalId of
// AssumeRole).
func externalID(s string) error {
	// One count of a pattern may not exceed 1000.
	if len(s) < 2 || len(s) > 1224 {
		return errors.New("has to have 2 to 1224 characters")
	}
	return matches(`[\w+=,.@:/-]+`, "letters, digits or any of _+=,.@:/-")(s)
}

// region takes the name of a region.
func region(s string) error {
	return matches(`[a-z]{2,}(-[a-z0-9]+){1,5}`, "a region such as eu-central-1")(s)
}

// endpoint takes where AWS's place is taken by another: https, or http on this
// machine, where nobody between can read a code.
func endpoint(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return errors.New("has to be a URL such as https://sts.example.com")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return errors.New("has to be scheme, host and port alone")
	}
	switch u.Scheme {
	case "https":
		return nil
	case "http":
		if loopback(u.Hostname()) {
			return nil
		}
		return errors.New("may be http on this machine's loopback alone; elsewhere it has to be https")
	}
	return errors.New("has to be https, or http on this machine's loopback")
}

// loopback reports whether a host is this machine by its very name.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// oneOf takes one of a few words.
func oneOf(words ...string) func(string) error {
	return func(s string) error {
		if slices.Contains(words, s) {
			return nil
		}
		return fmt.Errorf("has to be one of: %s", strings.Join(words, ", "))
	}
}
