//go:build !unix

package audit

// noFollow keeps a link from being opened in the log's place.
const noFollow = 0
