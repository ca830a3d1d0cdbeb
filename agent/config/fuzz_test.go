package config

import (
	"errors"
	"testing"
)

// FuzzParse holds the reader to its word: a file gives a config within bounds,
// or faults that say where.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		full, "", "{}", "- a", "a: b: c", "socket: &a /x\nprofiles: [{name: *a}]", "a: &a [*a]",
		"profiles: [{name: x, duration: 15m, min_ttl: 0}]", "{[a]: b, ? {c: d} : e}", "--- \n...\n--- x\n",
		"%YAML 1.1\n---\nsocket: !!binary aGk=\n", "<<: {a: b}\n", "profiles: [null, ~, {}]\n", "\xff\xfea\x00", "socket: 'it''s'\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse("f", b)
		if err != nil {
			checkFaults(t, c, err)
			return
		}
		names := map[string]bool{}
		for _, p := range c.Profiles {
			if p.Name == "" || names[p.Name] {
				t.Errorf("profile %q is nameless or twice", p.Name)
			}
			names[p.Name] = true
			if p.Duration != 0 && (p.Duration < minDuration || p.Duration > maxDuration) ||
				p.RoleDuration != 0 && (p.RoleDuration < minDuration || p.RoleDuration > maxRoleDuration) ||
				p.MinTTL < 0 || p.MinTTL > maxMinTTL || p.MaxAge < 0 || p.MaxAge > maxDuration {
				t.Errorf("durations out of bounds: %+v", p)
			}
			if oneOf("optional", "required")(string(p.Attested)) != nil || oneOf("never", "each-use", "each-session")(string(p.Confirm)) != nil {
				t.Errorf("a protection is none of its words: %+v", p)
			}
			if p.EndpointURL != "" && endpoint(p.EndpointURL) != nil {
				t.Errorf("endpoint %q", p.EndpointURL)
			}
		}
	})
}

func checkFaults(t *testing.T, c *Config, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || len(e.Faults) == 0 || len(e.Faults) > maxFaults+1 || c != nil {
		t.Fatalf("config %v with %v", c, err)
	}
	for _, fault := range e.Faults {
		if fault.File != "f" || fault.Message == "" || fault.Line < 0 || len(fault.Key) > 4096 {
			t.Errorf("fault %+v", fault)
		}
	}
}
