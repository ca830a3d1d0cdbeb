package line

// A Splitter finds lines in the pieces of a byte stream, however they are cut.
// A line ends with CR, LF or both; empty lines are nothing. The zero value is
// ready.
type Splitter struct {
	buf  [MaxLine]byte
	n    int
	over bool // the line is too long: its end is awaited
	done bool // buf holds a line already given out
}

// Next takes bytes from chunk up to the end of the next line. It returns that
// line without its end, valid until the next call, and what is left of the
// chunk; a nil line says that the chunk is used up and the line not yet
// whole. A line of more than MaxLine bytes is dropped, and once its end
// is reached, ErrTooLong comes in its place. Call it while the rest is not
// empty:
//
//	for len(chunk) > 0 {
//		var raw []byte
//		raw, chunk, err = s.Next(chunk)
//		…
//	}
func (s *Splitter) Next(chunk []byte) (raw, rest []byte, err error) {
	if s.done {
		s.n, s.done = 0, false
	}
	for i, c := range chunk {
		if c != '\r' && c != '\n' {
			s.add(c)
			continue
		}
		rest = chunk[i+1:]
		if s.over {
			s.n, s.over = 0, false
			return nil, rest, ErrTooLong
		}
		if s.n > 0 {
			s.done = true
			return s.buf[:s.n], rest, nil
		}
	}
	return nil, nil, nil
}

func (s *Splitter) add(c byte) {
	if s.n == len(s.buf) {
		s.over = true
		return
	}
	s.buf[s.n] = c
	s.n++
}

// Reset forgets the line begun, as after a port was opened anew.
func (s *Splitter) Reset() { s.n, s.over, s.done = 0, false, false }
