package profile

import (
	"context"
	"strings"
	"testing"
)

// BenchmarkResolve reads two files of ordinary size for a role over a key
// profile, as each request for a session does.
func BenchmarkResolve(b *testing.B) {
	r := write(b, "[profile dev]\nrole_arn = "+roleA+"\nsource_profile = dev-keys\nmfa_serial = "+carol+"\n", keysFile)
	r.Profiles = []Settings{{Name: "dev", SourceProfile: "dev-keys"}}
	for b.Loop() {
		if _, err := r.Resolve(context.Background(), "dev"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkResolveLarge is the same beside 500 other profiles.
func BenchmarkResolveLarge(b *testing.B) {
	config := strings.Repeat("[profile other]\nrole_arn = "+roleB+"\nsource_profile = dev-keys\nregion = eu-west-1\noutput = json\n\n", 500)
	r := write(b, config, keysFile)
	r.Profiles = []Settings{{Name: "dev", SourceProfile: "dev-keys", MFASerial: carol}}
	for b.Loop() {
		if _, err := r.Resolve(context.Background(), "dev"); err != nil {
			b.Fatal(err)
		}
	}
}
