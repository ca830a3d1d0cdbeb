package otp

import (
	"errors"
	"testing"
	"time"
)

const (
	key20 = "12345678901234567890"
	key32 = "12345678901234567890123456789012"
	key64 = "1234567890123456789012345678901234567890123456789012345678901234"
)

// RFC 4226, appendix D.
func TestHOTPVectors(t *testing.T) {
	truncated := []uint32{0x4c93cf18, 0x41397eea, 0x82fef30, 0x66ef7655, 0x61c5938a,
		0x33c083d4, 0x7256c032, 0x4e5b397, 0x2823443f, 0x2679dc69}
	codes := []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"}
	for counter, want := range codes {
		n, err := Truncated(SHA1, []byte(key20), uint64(counter))
		if err != nil || n != truncated[counter] {
			t.Errorf("counter %d: truncated %x, %v; want %x", counter, n, err, truncated[counter])
		}
		if got, err := HOTP(SHA1, []byte(key20), uint64(counter), 6); err != nil || got != want {
			t.Errorf("counter %d: %s, %v; want %s", counter, got, err, want)
		}
	}
}

// RFC 6238, appendix B. The appendix names one key, but its values for SHA-256
// and SHA-512 come from keys of those hashes' sizes (RFC Errata 2866).
func TestTOTPVectors(t *testing.T) {
	vectors := []struct {
		unix                 int64
		step                 uint64
		sha1, sha256, sha512 string
	}{
		{59, 0x1, "94287082", "46119246", "90693936"},
		{1111111109, 0x23523EC, "07081804", "68084774", "25091201"},
		{1111111111, 0x23523ED, "14050471", "67062674", "99943326"},
		{1234567890, 0x273EF07, "89005924", "91819424", "93441116"},
		{2000000000, 0x3F940AA, "69279037", "90698825", "38618901"},
		{20000000000, 0x27BC86AA, "65353130", "77737706", "47863826"},
	}
	for _, v := range vectors {
		step := Step(time.Unix(v.unix, 999_999_999), 30*time.Second)
		if step != v.step {
			t.Errorf("%d: step %x, want %x", v.unix, step, v.step)
		}
		for _, c := range []struct {
			alg       Algorithm
			key, want string
		}{{SHA1, key20, v.sha1}, {SHA256, key32, v.sha256}, {SHA512, key64, v.sha512}} {
			if got, err := HOTP(c.alg, []byte(c.key), step, 8); err != nil || got != c.want {
				t.Errorf("%d, %v: %s, %v; want %s", v.unix, c.alg, got, err, c.want)
			}
		}
	}
}

func TestStepOutOfRange(t *testing.T) {
	for _, c := range []struct {
		unix   int64
		period time.Duration
		want   uint64
	}{
		{-1, 30 * time.Second, 0}, {59, 0, 0}, {59, -time.Second, 0}, {59, time.Millisecond, 0},
		{59, time.Second, 59}, {59, 1999 * time.Millisecond, 59}, {1 << 40, time.Second, 1 << 40},
	} {
		if got := Step(time.Unix(c.unix, 0), c.period); got != c.want {
			t.Errorf("%d in %v: %d, want %d", c.unix, c.period, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		alg    Algorithm
		key    string
		digits int
		want   error
	}{
		{0, key20, 6, ErrAlgorithm}, {4, key20, 6, ErrAlgorithm}, {SHA1, "", 6, ErrKey},
		{SHA1, key20, 5, ErrDigits}, {SHA1, key20, 9, ErrDigits}, {SHA1, key20, -1, ErrDigits},
	} {
		if got, err := HOTP(c.alg, []byte(c.key), 0, c.digits); !errors.Is(err, c.want) || got != "" {
			t.Errorf("%d, %d digits: %q, %v; want %v", c.alg, c.digits, got, err, c.want)
		}
	}
	if _, err := Truncate(make([]byte, 19)); !errors.Is(err, ErrShort) {
		t.Errorf("short hmac: %v", err)
	}
	if got, err := Format(42, 8); err != nil || got != "00000042" {
		t.Errorf("leading zeros: %q, %v", got, err)
	}
	if names := SHA1.String() + SHA256.String() + SHA512.String() + Algorithm(9).String(); names != "SHA1SHA256SHA512unknown" {
		t.Error(names)
	}
}

func BenchmarkHOTP(b *testing.B) {
	for b.Loop() {
		if _, err := HOTP(SHA1, []byte(key20), 1, 6); err != nil {
			b.Fatal(err)
		}
	}
}
