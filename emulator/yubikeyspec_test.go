package emulator

import (
	"testing"
	"testing/synctest"
	"time"
)

// What a YubiKey is made as, and what READ CONFIG tells of it: form factor and,
// of one with an antenna, the applications over NFC.
func TestBuilds(t *testing.T) {
	const selectManagement, readConfig = "00a4040008a000000527471117", "001d000000"
	for _, c := range []struct {
		lines       []string
		contactless bool
		tells       string
	}{
		{nil, false, "23" + "01020031" + "020400bc614e" + "040101" + "0503050403" + "03020031" + "06020000" + "07010f" + "080100" + "0a0100" + "9000"},
		{[]string{"form_factor: ci"}, false, "23" + "01020031" + "020400bc614e" + "040105" + "0503050403" + "03020031" + "06020000" + "07010f" + "080100" + "0a0100" + "9000"},
		{[]string{"form_factor: usb-c", "nfc: true"}, false, "2b" + "01020031" + "020400bc614e" + "040103" + "0503050403" + "03020031" + "06020000" + "07010f" + "080100" + "0a0100" + "0d020031" + "0e020031" + "9000"},
		{[]string{"attach: reader", "interface: nfc"}, true, "2b" + "01020031" + "020400bc614e" + "040101" + "0503050403" + "03020031" + "06020000" + "07010f" + "080100" + "0a0100" + "0d020031" + "0e020031" + "9000"},
		{[]string{"attach: reader", "interface: usb", "nfc: true"}, false, "2b" + "01020031" + "020400bc614e" + "040101" + "0503050403" + "03020031" + "06020000" + "07010f" + "080100" + "0a0100" + "0d020031" + "0e020031" + "9000"},
	} {
		b, _ := newBench(t, yubikeyBench(c.lines...))
		yk := mustToken(t, b, "yk1")
		s := openCard(t, yk)
		transmit(t, s, selectManagement, "5669727475616c206d6772202d2046572076657273696f6e20352e342e33"+"9000")
		transmit(t, s, readConfig, c.tells)
		check(t, s.Close())
		if got := yk.spec.reader().Name == nfcReader; got != c.contactless {
			t.Errorf("%q: in a contactless reader: %v", c.lines, got)
		}
		closeBench(t, b)
	}
}

// A touch is waited for as long as the bench file says; that of a challenge as
// long as a client configured, until it takes that back.
func TestChallengeTimeoutIsTheClients(t *testing.T) {
	const (
		selectManagement = "00a4040008a000000527471117"
		selectOTP        = "00a4040007a0000005272001"
		// programTouch is slot 1 with the key 0b…0b, for whole challenges and a
		// touch, as in firmware/testdata/otp.apdu.
		programTouch = "0001010034000000000000000000000000000000000b0b0b0b00000b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0000000000000024402a0000dbbd"
		challenge    = "000130000101"
	)
	synctest.Test(t, func(t *testing.T) {
		b, _ := newBench(t, yubikeyBench("touch: never", "touch_timeout: 40s"))
		defer closeBench(t, b)
		s := openCard(t, mustToken(t, b, "yk1"))
		defer s.Close()
		transmit(t, s, selectOTP, "050403"+"00"+"0000"+"9000")
		transmit(t, s, programTouch, "050403"+"01"+"0500"+"9000")
		for _, c := range []struct {
			write string
			want  time.Duration
		}{
			{"", 40 * time.Second},
			{"001c0000" + "04" + "03070103", 3 * time.Second},
			{"001c0000" + "04" + "030701c8", 200 * time.Second},
			{"001c0000" + "04" + "03070100", 40 * time.Second},
		} {
			if c.write != "" {
				transmit(t, s, selectManagement, "5669727475616c206d6772202d2046572076657273696f6e20352e342e33"+"9000")
				transmit(t, s, c.write, "9000")
				transmit(t, s, selectOTP, "050403"+"01"+"0500"+"9000")
			}
			began := time.Now()
			transmit(t, s, challenge, "6985")
			if took := time.Since(began); took != c.want {
				t.Errorf("after %q it waited %v, want %v", c.write, took, c.want)
			}
		}
	})
}
