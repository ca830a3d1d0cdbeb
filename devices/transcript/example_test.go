package transcript_test

import (
	"context"
	"fmt"
	"time"

	"github.com/fob-auth/fob/devices"
	"github.com/fob-auth/fob/devices/transcript"
)

// A program's driver code runs against a key that was recorded once, with no
// key at hand. What it gets is a code of the stand-in key.
func ExampleReplay() {
	sessions, err := transcript.Decode([]byte(`
session pcsc Yubico YubiKey OTP+FIDO+CCID 00 00
> 00A4040008A000000527471117
< 25µs 5669727475616C206D6772202D2046572076657273696F6E20352E342E339000
> 001D000000
< 12µs 2301020031020400BC614E0401010503050403030200310602000007010F0801000A01009000
> 00A4040007A0000005272101
< 11µs 79030504037108DBE5882E257968349000
> 00A4040007A0000005272101
< 11µs 79030504037108DBE5882E257968349000
> 00A1000000
< 11µs 720A214157533A6361726F6C9000
> 00A200011571094157533A6361726F6C74080000000000000001
< 26µs 76050641397EEA9000
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	key, err := transcript.NewReplay("recorded", sessions).Open(ctx, devices.Slot{Driver: transcript.Name, Path: "recorded"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer key.Close()
	fmt.Println(key.Info().Serial, key.Info().Firmware)
	code, err := key.(devices.Coder).Code(ctx, "AWS:carol", time.Unix(59, 0))
	fmt.Println(code.Digits.Reveal(), err)
	_, err = key.(devices.Coder).Code(ctx, "AWS:carol", time.Unix(89, 0))
	fmt.Println(err)

	// Output:
	// 12345678 5.4.3
	// 287082 <nil>
	// compute a code on token 12345678: not in the transcript: the session has ended, and the driver sends 00A4040007A0000005272101
}
