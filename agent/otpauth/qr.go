package otpauth

import (
	"bytes"
	"image"
	_ "image/jpeg" // the two kinds of file that people have
	_ "image/png"
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// maxPixels bounds an image, so that a small file can't become a large one: the
// picture of a screen of 3840 × 2160 points.
const maxPixels = 9 << 20

// FromImage returns the text of the QR code in a PNG or JPEG file. What isn't
// such a file, or too large, is an *Error; one without a code ErrNoCode.
func FromImage(file []byte) (text string, err error) {
	size, kind, err := image.DecodeConfig(bytes.NewReader(file))
	switch {
	case err != nil || kind != "png" && kind != "jpeg":
		return "", wrong("the image is neither PNG nor JPEG")
	case size.Width <= 0 || size.Height <= 0 || size.Width > maxPixels/size.Height:
		return "", wrong("the image has %d × %d points, and %d are the most", size.Width, size.Height, maxPixels)
	}
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return "", wrong("the image is damaged")
	}
	// The reader has indices that a picture made for it can lead astray.
	defer func() {
		if recover() != nil {
			text, err = "", ErrNoCode
		}
	}()
	bits, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", ErrNoCode
	}
	for _, hints := range []map[gozxing.DecodeHintType]any{
		nil, {gozxing.DecodeHintType_TRY_HARDER: true}, {gozxing.DecodeHintType_PURE_BARCODE: true},
	} {
		if found, err := qrcode.NewQRCodeReader().Decode(bits, hints); err == nil {
			return found.GetText(), nil
		}
	}
	return "", ErrNoCode
}

// quiet is the margin around a code, in modules (ISO/IEC 18004 section 6.3.8).
const quiet = 4

// Terminal draws a text's QR code by half blocks, two rows of modules a line:
// what is drawn is to be dark, the spaces light.
func Terminal(text string) (string, error) {
	code, err := qrcode.NewQRCodeWriter().Encode(text, gozxing.BarcodeFormat_QR_CODE, 0, 0,
		map[gozxing.EncodeHintType]any{gozxing.EncodeHintType_MARGIN: quiet})
	if err != nil {
		return "", wrong("it doesn't fit a QR code")
	}
	dark := func(x, y int) bool { return y < code.GetHeight() && code.Get(x, y) }
	var b strings.Builder
	for y := 0; y < code.GetHeight(); y += 2 {
		for x := range code.GetWidth() {
			b.WriteString(map[[2]bool]string{{false, false}: " ", {true, false}: "▀", {false, true}: "▄", {true, true}: "█"}[[2]bool{dark(x, y), dark(x, y+1)}])
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
