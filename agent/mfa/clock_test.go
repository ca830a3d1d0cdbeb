package mfa

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestClockOfNoDevice: what belongs to no MFA device goes by the time of the
// AWS that the config names, and by the host's until that is known.
func TestClockOfNoDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := "aws"
		c := Clock{Default: func() string { return at }}
		ahead := time.Now().Add(time.Hour)
		if c.Skew("") != 0 {
			t.Errorf("skew of an AWS that was never asked is %v", c.Skew(""))
		}
		c.Observe("aws", ahead)
		if c.Skew("") != c.Skew("aws") || c.Skew("") < 59*time.Minute {
			t.Errorf("skew %v, that of the default is %v", c.Skew(""), c.Skew("aws"))
		}
		if at = "http://127.0.0.1:4599"; c.Skew("") != 0 {
			t.Errorf("skew of another AWS is %v", c.Skew(""))
		}
		if c := new(Clock); c.Skew("") != 0 {
			t.Errorf("skew of the zero clock is %v", c.Skew(""))
		}
	})
}
