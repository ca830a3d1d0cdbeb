package caller

import (
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLateAnswer: a question that isn't answered in time is given up, its late
// answer isn't taken for the next question's, and that one is answered.
func TestLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		s := employ(ours)
		late := make([]byte, questionLen)
		read := make(chan struct{})
		go func() {
			defer close(read)
			if _, err := theirs.Read(late); err != nil {
				t.Error(err)
			}
		}()
		start := time.Now()
		if chain := s.Find(7); !slices.Equal(chain, []Process{{PID: 7}}) || time.Since(start) != scoutTime {
			t.Errorf("of a scout that is stopped: %+v after %s", chain, time.Since(start))
		}
		<-read
		go func() {
			next := make([]byte, questionLen)
			if _, err := theirs.Read(next); err != nil {
				t.Error(err)
			}
			for _, a := range []string{string(late[:numberLen]) + `[{"pid":7,"exe":"/bin/seven"}]`, string(next[:numberLen]) + `[{"pid":8,"exe":"/bin/eight"}]`} {
				if _, err := theirs.Write([]byte(a)); err != nil {
					t.Error(err)
				}
			}
		}()
		if chain := s.Find(8); !slices.Equal(chain, []Process{{PID: 8, Exe: "/bin/eight"}}) {
			t.Errorf("of one that goes on: %+v", chain)
		}
		_ = theirs.Close()
		<-s.Gone()
		if chain := s.Find(9); !slices.Equal(chain, []Process{{PID: 9}}) {
			t.Errorf("of one that is gone: %+v", chain)
		}
	})
}

// TestCrowdBeforeTheScout: more questions than go into the socket wait for
// their turn, and no longer than one that is on its way.
func TestCrowdBeforeTheScout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		s := employ(ours)
		go func() { _ = Serve(theirs) }()
		var asking sync.WaitGroup
		for range 4 * maxUnanswered {
			asking.Go(func() { s.Find(-1) })
		}
		start := time.Now()
		asking.Wait()
		if took := time.Since(start); took != 0 {
			t.Errorf("they waited %s", took)
		}
		_ = ours.Close()
		<-s.Gone()
	})
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		s := employ(ours)
		go func() { // reads, and says nothing
			for b := make([]byte, questionLen); ; {
				if _, err := theirs.Read(b); err != nil {
					return
				}
			}
		}()
		var asking sync.WaitGroup
		for range 4 * maxUnanswered {
			asking.Go(func() {
				if chain := s.Find(7); !slices.Equal(chain, []Process{{PID: 7}}) {
					t.Errorf("chain %+v", chain)
				}
			})
		}
		start := time.Now()
		asking.Wait()
		if took := time.Since(start); took != scoutTime {
			t.Errorf("they waited %s", took)
		}
		_ = ours.Close()
		<-s.Gone()
	})
}

// TestNonsenseOfTheScout: what is no chain names nobody, and an answer that
// nobody asked for ends it.
func TestNonsenseOfTheScout(t *testing.T) {
	for answer, gone := range map[string]bool{
		"\x00\x00\x00\x01{}": false, "\x00\x00\x00\x01[": false, "\x00\x00\x00\x01": false,
		"\x00\x00\x00\x01[{},{},{},{},{},{},{},{},{}]": false, "\x00\x00\x00\x02[]": true, "\x00\x00": true,
	} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			s := employ(ours)
			go func() {
				_, _ = theirs.Read(make([]byte, questionLen))
				_, _ = theirs.Write([]byte(answer))
			}()
			if chain := s.Find(7); !slices.Equal(chain, []Process{{PID: 7}}) {
				t.Errorf("%q: %+v", answer, chain)
			}
			select {
			case <-s.Gone():
				if !gone {
					t.Errorf("%q ended it", answer)
				}
			default:
				if gone {
					t.Errorf("%q didn't end it", answer)
				}
			}
			_ = ours.Close()
			<-s.Gone()
		})
	}
}
