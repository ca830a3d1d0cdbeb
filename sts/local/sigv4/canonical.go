package sigv4

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// canonical is the canonical request, built from the headers that the client
// listed.
func (s *Signature) canonical(r *http.Request, body Body) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n")
	b.WriteString(canonicalPath(r.URL.EscapedPath(), s.Service) + "\n")
	b.WriteString(canonicalQuery(r.URL.RawQuery, s.Presigned) + "\n")
	for _, name := range s.headers {
		b.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(s.headers, ";") + "\n" + string(body))
	return b.String()
}

// canonicalPath is the path in the encoding of the service: S3 encodes once
// and keeps the path as it is, all others normalise and encode the encoded
// path again.
func canonicalPath(escaped, service string) string {
	if escaped == "" {
		return "/"
	}
	if service == "s3" {
		return encodeSegments(escaped, true)
	}
	clean := path.Clean(escaped)
	if strings.HasSuffix(escaped, "/") && clean != "/" {
		clean += "/"
	}
	return encodeSegments(clean, false)
}

// encodeSegments encodes each segment, once (decoding it first) or on top of
// the encoding that it has.
func encodeSegments(p string, once bool) string {
	segments := strings.Split(p, "/")
	for i, segment := range segments {
		if once {
			if plain, err := url.PathUnescape(segment); err == nil {
				segment = plain
			}
		}
		segments[i] = encode(segment)
	}
	return strings.Join(segments, "/")
}

// canonicalQuery sorts the decoded parameters and encodes them anew. A
// presigned request's signature is no part of what it signs.
func canonicalQuery(raw string, presigned bool) string {
	if raw == "" {
		return ""
	}
	type pair struct{ key, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		if presigned && key == querySignature {
			continue
		}
		pairs = append(pairs, pair{encode(unescape(key)), encode(unescape(value))})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(strings.Compare(a.key, b.key), strings.Compare(a.value, b.value))
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.key + "=" + p.value)
	}
	return b.String()
}

// unescape decodes a query part; what isn't encoded well stays as it is, and
// then doesn't match what a client signs.
func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// headerValue joins a header's values, trimmed, runs of spaces made one. Host
// and length are those of the request line's connection: net/http takes them
// out of the header.
func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return squeeze(r.Host)
	case "content-length":
		if r.Header.Get("Content-Length") == "" {
			return strconv.FormatInt(max(r.ContentLength, 0), 10)
		}
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = squeeze(v)
	}
	return strings.Join(values, ",")
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

const upperHex = "0123456789ABCDEF"

// encode is AWS's UriEncode: everything but unreserved characters (RFC 3986
// section 2.3) as upper case percent escapes.
func encode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
	return b.String()
}
