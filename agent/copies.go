package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/awsfile"
	"github.com/fob-auth/fob/agent/keys"
)

// A home is where an access key stands: a section of an AWS file, or, where File
// is "", fob's store under a profile's name.
type home struct{ file, section string }

func (h home) String() string {
	if h.file == "" {
		return fmt.Sprintf("fob's store for profile %s", h.section)
	}
	return fmt.Sprintf("[%s] of %s", h.section, h.file)
}

// onlyThere refuses to have an access key deleted that stands in other places
// than its own: who takes it from there would be left without one.
func (a *agent) onlyThere(profile string, own home, id string) error {
	homes, err := a.homes(id)
	if err != nil {
		return err
	}
	var others []string
	for _, h := range homes {
		if h != own {
			others = append(others, h.String())
		}
	}
	if len(others) == 0 {
		return nil
	}
	return &api.Error{Code: api.Config,
		Message: fmt.Sprintf("rotate the access key of profile %s: %s stands elsewhere too, where nothing would work once it is deleted: %s", profile, id, strings.Join(others, ", ")),
		Hint:    fmt.Sprintf("take it out there, and have what used it name source_profile: %s; 'fob keys list' shows what stands where", profile)}
}

// homes are the places in which an access key stands.
func (a *agent) homes(id string) ([]home, error) {
	held, err := a.keys.List()
	if err != nil {
		return nil, err
	}
	var found []home
	for profile, e := range held {
		if e.AccessKeyID == id {
			found = append(found, home{section: profile})
		}
	}
	for _, path := range []string{a.opts.AWSCredentialsFile, a.opts.AWSConfigFile} {
		f, err := awsfile.Load(path)
		if err != nil {
			return nil, err
		}
		for _, section := range f.Sections() {
			if is, ok := f.Get(section, "aws_access_key_id"); ok && is == id {
				found = append(found, home{path, section})
			}
		}
	}
	slices.SortFunc(found, func(x, y home) int { return strings.Compare(x.String(), y.String()) })
	return found, nil
}

// place is where a rotation changes the key.
func (h home) place(s *keys.Store) keys.Place {
	if h.file == "" {
		return keys.InStore(s, h.section)
	}
	return keys.InFile(h.file, h.section)
}
