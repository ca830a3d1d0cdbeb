package otpauth

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/pquerna/otp"
)

const seed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

func TestParse(t *testing.T) {
	for _, text := range []string{
		seed, strings.ToLower(seed) + "\n", "JBSW Y3DP EHPK 3PXP JBSW-Y3DP-EHPK-3PXP",
		"otpauth://totp/carol@example?secret=" + seed,
		"OTPAUTH://TOTP/Amazon%20Web%20Services:carol@111122223333?secret=" + strings.ToLower(seed) + "&issuer=Amazon&algorithm=sha1&digits=6&period=30",
		URI("carol", "carol", seed),
	} {
		if got, err := Parse(text); err != nil || got != seed {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "no base32",
		"JBSWY3DPEHPK3PX1":                "no base32",
		"JBSWY3DP":                        "5 bytes",
		strings.Repeat(seed, 4):           "80 bytes",
		strings.Repeat("A", 5000):         "longer",
		"otpauth://hotp/x?secret=" + seed: `type "hotp"`,
		"otpauth://totp/x?secret=" + seed + "&digits=8":         `digits "8"`,
		"otpauth://totp/x?secret=" + seed + "&algorithm=SHA256": "SHA256",
		"otpauth://totp/x?secret=" + seed + "&period=60":        `period "60"`,
		"otpauth://totp/x":                   "0 secrets",
		"otpauth://totp/x?secret=a&secret=b": "2 secrets",
		"otpauth://totp/%zz?secret=" + seed:  "can't be parsed",
	} {
		_, err := Parse(text)
		var bad *Error
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), seed) {
			t.Errorf("%q: the error tells the seed: %v", text, err)
		}
	}
}

// picture is another implementation's QR code.
func picture(t testing.TB, text string, size int) image.Image {
	t.Helper()
	key, err := otp.NewKeyFromURL(text)
	if err != nil {
		t.Fatal(err)
	}
	img, err := key.Image(size, size)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func encode(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFromImage(t *testing.T) {
	uri := "otpauth://totp/carol@example?secret=" + seed
	img := picture(t, uri, 250)
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, img, &jpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"png": encode(t, img), "jpeg": photo.Bytes(), "large": encode(t, picture(t, uri, 1200))} {
		if got, err := FromImage(file); err != nil || got != uri {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := FromImage(encode(t, image.NewGray(image.Rect(0, 0, 100, 100)))); !errors.Is(err, ErrNoCode) {
		t.Errorf("a black image: %v", err)
	}
	var bad *Error
	if _, err := FromImage([]byte("GIF89a")); !errors.As(err, &bad) {
		t.Errorf("no image: %v", err)
	}
	// One whose header says that it is huge is refused before it is unpacked.
	huge := encode(t, img)
	copy(huge[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // PNG section 11.2.2: width and height
	if _, err := FromImage(huge); !errors.As(err, &bad) {
		t.Errorf("a huge image: %v", err)
	}
}

// What the terminal shows is a code that can be read.
func TestTerminal(t *testing.T) {
	uri := URI("carol", "carol", strings.Repeat(seed, 2))
	text, err := Terminal(uri)
	if err != nil {
		t.Fatal(err)
	}
	const point = 4
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	var rows [][]rune
	for _, line := range lines {
		rows = append(rows, []rune(line))
	}
	img := image.NewGray(image.Rect(0, 0, len(rows[0])*point, len(rows)*2*point))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			r := rows[y/point/2][x/point]
			dark := r == '█' || r == '▀' && y/point%2 == 0 || r == '▄' && y/point%2 == 1
			img.SetGray(x, y, color.Gray{Y: map[bool]uint8{true: 0, false: 255}[dark]})
		}
	}
	if got, err := FromImage(encode(t, img)); err != nil || got != uri {
		t.Errorf("read back %q, %v", got, err)
	}
	if _, err := Terminal(strings.Repeat("x", 5000)); err == nil {
		t.Error("more than a code holds was drawn")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(seed)
	f.Add("otpauth://totp/x?secret=" + seed + "&digits=6")
	f.Add("otpauth:%")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(URI("d", "u", got)); err != nil || again != got {
			t.Errorf("%q became %q, %v", got, again, err)
		}
	})
}

func FuzzFromImage(f *testing.F) {
	f.Add(encode(f, picture(f, "otpauth://totp/x?secret="+seed, 60)))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Add([]byte("\xff\xd8\xff"))
	f.Fuzz(func(_ *testing.T, file []byte) { _, _ = FromImage(file) })
}
