package firmware

import "strconv"

// A Version is the version of a token's firmware: major, minor, patch. What a
// token can do hangs on it.
type Version [3]byte

// Since says whether v is that version or a later one.
func (v Version) Since(major, minor, patch byte) bool {
	for i, want := range [3]byte{major, minor, patch} {
		if v[i] != want {
			return v[i] > want
		}
	}
	return true
}

// String is the version as in "5.4.3".
func (v Version) String() string {
	return strconv.Itoa(int(v[0])) + "." + strconv.Itoa(int(v[1])) + "." + strconv.Itoa(int(v[2]))
}
